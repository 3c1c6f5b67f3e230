"""Completions kept by prompt, model and parameters, so that checks can be compared without asking the model again."""

import json
import re
import sqlite3
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from langchain_core.caches import BaseCache
from langchain_core.load import dumps, loads
from langchain_core.outputs import Generation

from sql_tools.settings import private_folder

ADDRESS = re.compile(r'"openai_api_base": "[^"]*", ')  # the embedded model's port is another each time it starts


class CompletionCache(BaseCache):
    """A langchain-core cache in one SQLite file; `weights` keeps one model's completions apart from another's,
    wherever it is served.

    Without `replay` everything is kept and nothing is taken from it."""

    def __init__(self, path: Path, *, weights: str, replay: bool = True) -> None:
        private_folder(path.parent)
        path.touch(mode=0o600)
        path.chmod(0o600)
        self._weights, self._replay = weights, replay
        self._connection = sqlite3.connect(path, check_same_thread=False, timeout=30)
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS completions (weights, model, prompt, reply, PRIMARY KEY (weights, model, prompt))"
        )

    def lookup(self, prompt: str, llm_string: str) -> Sequence[Generation] | None:
        """The kept generations for exactly this prompt and these parameters, else None."""
        if not self._replay:
            return None
        row = self._connection.execute(
            "SELECT reply FROM completions WHERE weights = ? AND model = ? AND prompt = ?",
            (self._weights, ADDRESS.sub("", llm_string), prompt),
        ).fetchone()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The function `loads` is in beta")
            return [loads(item, allowed_objects="core") for item in json.loads(row[0])] if row else None

    def update(self, prompt: str, llm_string: str, return_val: Sequence[Generation]) -> None:
        """Keep these generations."""
        reply = json.dumps([dumps(generation) for generation in return_val])
        with self._connection:
            self._connection.execute(
                "INSERT OR REPLACE INTO completions VALUES (?, ?, ?, ?)",
                (self._weights, ADDRESS.sub("", llm_string), prompt, reply),
            )

    def clear(self, **kwargs: Any) -> None:
        """Forget everything, of all models."""
        with self._connection:
            self._connection.execute("DELETE FROM completions")
