"""The package as a user of the library meets it: the README's example as printed, and what one import line brings."""

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import duckdb
import pytest

import sql_tools
from sql_tools import errors

README = Path(__file__).parents[2] / "README.md"


class Model(BaseHTTPRequestHandler):
    """An OpenAI-compatible server with one answer."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        reply = {"role": "assistant", "content": "SELECT count(*) FROM customers"}
        body = json.dumps({"choices": [{"index": 0, "message": reply, "finish_reason": "stop"}]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def model() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()


def test_the_readmes_library_example_runs(model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as connection:
        connection.execute("CREATE TABLE customers AS SELECT range AS id FROM range(7)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ARCTIC_COPILOT_CACHE_DIR", str(tmp_path / "cache"))
    names: dict[str, sql_tools.Answer] = {}
    exec(example.replace("http://localhost:8000/v1", model), names)
    assert names["answer"].rows == ((7,),)


def test_every_error_that_reaches_a_user_is_exported() -> None:
    inside = {"NotChecked"}  # what a rule says that could not look; it becomes a check's outcome
    raised = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)}
    assert raised - inside <= set(sql_tools.__all__)


def test_all_names_are_there() -> None:
    assert [name for name in sql_tools.__all__ if not hasattr(sql_tools, name)] == []


def test_importing_the_library_imports_no_engine_page_or_model() -> None:
    heavy = ("duckdb", "pyarrow", "streamlit", "xllamacpp", "snowflake.snowpark", "langchain_openai", "torch")
    code = f"import sys, sql_tools; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
