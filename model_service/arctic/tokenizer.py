"""Text <-> ids, and the chat template. No code of the checkpoint's is run.

Arctic's tokenizer is Llama 2's with two ids redefined: 31998 is <|im_start|>, 31999 is <|im_end|>. A text starts with one
first token (<|im_start|> for instruct, <s> for base); a chat already has it from its template and gets no second.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model_service.arctic.config import ArcticConfig, read_config
from model_service.errors import CheckpointError, RequestError

CHAT_START, CHAT_END = "<|im_start|>", "<|im_end|>"
ROLES = ("system", "user", "assistant")


@dataclass(frozen=True)
class Message:
    """One turn of a chat."""

    role: str
    content: str


@dataclass(frozen=True)
class ArcticTokenizer:
    """first_id: what a text starts with, if anything. stop_ids: what ends one."""

    backend: Any  # tokenizers.Tokenizer
    first_id: int | None
    stop_ids: tuple[int, ...]

    def encode(self, text: str) -> list[int]:
        """The ids of a text to go on with, the first token before them unless the text has it."""
        ids: list[int] = self.backend.encode(text, add_special_tokens=False).ids
        return ids if self.first_id is None or ids[:1] == [self.first_id] else [self.first_id, *ids]

    def encode_chat(self, messages: Sequence[Message]) -> list[int]:
        """The ids of a chat up to where the assistant speaks. Raises RequestError if the model knows no chat."""
        if self.backend.token_to_id(CHAT_START) is None:
            raise RequestError(
                "This checkpoint is a base model: it knows no chat.", "Give a text to go on with instead."
            )
        ids: list[int] = self.backend.encode(chat_text(messages), add_special_tokens=False).ids
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids, without special tokens."""
        text: str = self.backend.decode(list(ids), skip_special_tokens=True)
        return text


def chat_text(messages: Sequence[Message]) -> str:
    r"""ChatML, with no system prompt of its own.

    >>> chat_text([Message("user", "Hello")])
    '<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n'
    """
    for message in messages:
        if message.role not in ROLES:
            raise RequestError(f"No one in a chat is called {message.role!r}.", f"One of: {', '.join(ROLES)}.")
    turns = (f"{CHAT_START}{message.role}\n{message.content}{CHAT_END}\n" for message in messages)
    return "".join(turns) + f"{CHAT_START}assistant\n"


def open_tokenizer(directory: Path) -> ArcticTokenizer:
    """The tokenizer of a checkpoint: its tokenizer.json, or else its SentencePiece tokenizer.model.

    Raises CheckpointError if it has neither, or what it has is damaged or names ids the model does not have.
    """
    config, settings = read_config(directory), _read_settings(directory / "tokenizer_config.json")
    backend = _open_backend(directory, settings)
    if backend.get_vocab_size() > config.vocab_size:
        raise CheckpointError(
            f"{directory}: the tokenizer has {backend.get_vocab_size():,} tokens, the model {config.vocab_size:,}.",
            "Use the tokenizer that was published with the weights.",
        )
    return ArcticTokenizer(backend, _first_id(config, settings, backend), _stop_ids(config, backend))


def _open_backend(directory: Path, settings: Mapping[str, Any]) -> Any:
    from tokenizers import Tokenizer

    path = directory / "tokenizer.json"
    if path.exists():
        try:
            return Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises plain Exception
            raise CheckpointError(f"{path} is not a tokenizer: {error}.", "Fetch it again.") from error
    if (directory / "tokenizer.model").exists():
        from model_service.arctic.sentencepiece_model import read_tokenizer

        return read_tokenizer(directory / "tokenizer.model", _redefined(settings))
    raise CheckpointError(
        f"{directory} has neither tokenizer.json nor tokenizer.model.",
        "Fetch one of them from where the weights came from, or give ids instead of text (--ids).",
    )


def _read_settings(path: Path) -> dict[str, Any]:
    """tokenizer_config.json; empty if there is none."""
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}.", "Fetch it again.") from error
    if not isinstance(settings, dict):
        raise CheckpointError(f"{path} holds no JSON object.", "Fetch it again.")
    return settings


def _redefined(settings: Mapping[str, Any]) -> dict[int, str]:
    """The special tokens that took a piece's id, as tokenizer_config.json tells."""
    added = settings.get("added_tokens_decoder") or {}
    names = {int(token): str(entry["content"]) for token, entry in added.items() if entry.get("special")}
    return {token: name for token, name in names.items() if name not in ("<unk>", "<s>", "</s>")}


def _first_id(config: ArcticConfig, settings: Mapping[str, Any], backend: Any) -> int | None:
    """The tokenizer's own word counts before the model's config, whose early revisions said 1 for instruct too."""
    if settings.get("add_bos_token") is False:
        return None
    named = settings.get("bos_token")
    name = named.get("content") if isinstance(named, dict) else named
    token: int | None = backend.token_to_id(name) if name else None
    return config.bos_token_id if token is None else token


def _stop_ids(config: ArcticConfig, backend: Any) -> tuple[int, ...]:
    """What config.json says, and the end of a chat's turn, which early revisions did not say."""
    chat_end = backend.token_to_id(CHAT_END)
    return tuple(sorted({*config.stop_ids, *([] if chat_end is None else [chat_end])}))
