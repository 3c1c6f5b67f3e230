"""A checkpoint's tokenizer in the form llama.cpp has for it: SentencePiece's pieces, each with a score and a type.

Both forms the checkpoint may come with are read: tokenizer.model as it is, and tokenizer.json, whose merges become
scores (the earlier a piece can be made, the higher). Only SentencePiece-like vocabularies can be written, which Arctic's
is; for another one the model is exported without, and takes ids.

One difference stays. llama.cpp puts the space that SentencePiece puts before a text after each special token too, or never.
A chat has none, so a chat model gets never, and its chats are cut just as ours; a bare text is then cut without it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf

from model_service.arctic.config import ArcticConfig
from model_service.arctic.tokenizer import CHAT_END, CHAT_START, open_tokenizer
from model_service.errors import CheckpointError

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
UNUSED_SCORE = -10000.0
CHAT_TEMPLATE = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


@dataclass(frozen=True)
class Piece:
    """One token as llama.cpp sees it."""

    text: str
    score: float
    type: int


@dataclass(frozen=True)
class Vocabulary:
    """Every token by its id, which of them begin and end a text, and how a chat is written."""

    pieces: tuple[Piece, ...]
    first_id: int | None = None
    stop_id: int | None = None
    chat_template: str = ""

    @classmethod
    def placeholder(cls, size: int) -> "Vocabulary":
        """Names without meaning, for a model that is only ever given ids; each is printable and different."""
        return cls(tuple(Piece(f"▁t{token}", 0.0, NORMAL) for token in range(size)))

    def add_to(self, writer: gguf.GGUFWriter) -> None:
        """Write all of it as metadata."""
        writer.add_tokenizer_model("llama")
        writer.add_tokenizer_pre("default")
        writer.add_token_list([piece.text.encode() for piece in self.pieces])
        writer.add_token_scores([piece.score for piece in self.pieces])
        writer.add_token_types([piece.type for piece in self.pieces])
        writer.add_add_bos_token(self.first_id is not None)
        writer.add_add_space_prefix(not self.chat_template)
        if self.first_id is not None:
            writer.add_bos_token_id(self.first_id)
        if self.stop_id is not None:
            writer.add_eos_token_id(self.stop_id)
        if self.chat_template:
            writer.add_chat_template(self.chat_template)


def read_vocabulary(directory: Path, config: ArcticConfig) -> Vocabulary:
    """The tokenizer of the checkpoint. Raises CheckpointError if it has none, or one of another kind."""
    if not any((directory / name).exists() for name in ("tokenizer.json", "tokenizer.model")):
        raise CheckpointError(
            f"{directory} has neither tokenizer.json nor tokenizer.model.",
            "Put one there, or export without it (--without-tokenizer): the model then takes ids.",
        )
    tokenizer = open_tokenizer(directory)
    fields = json.loads(tokenizer.backend.to_str())  # tokenizer.model was read into the same form
    pieces = _pieces(fields, config.vocab_size)
    stop = tokenizer.backend.token_to_id(CHAT_END)
    if stop is None and tokenizer.stop_ids:
        stop = tokenizer.stop_ids[0]
    template = CHAT_TEMPLATE if tokenizer.backend.token_to_id(CHAT_START) is not None else ""
    return Vocabulary(pieces, tokenizer.first_id, stop, template)


def _pieces(fields: Mapping[str, Any], size: int) -> tuple[Piece, ...]:
    model = fields["model"]
    if model.get("type") != "BPE" or not model.get("byte_fallback"):
        raise CheckpointError(
            "This tokenizer is not SentencePiece's, the only kind that can be exported.",
            "Export without it (--without-tokenizer): the model then takes ids.",
        )
    scores = _scores(model["merges"])
    pieces = [Piece(f"[PAD{token}]", UNUSED_SCORE, UNUSED) for token in range(size)]
    for text, token in model["vocab"].items():
        pieces[token] = Piece(text, scores.get(text, 0.0), _type(text, model.get("unk_token")))
    for added in fields.get("added_tokens") or ():
        kind = (
            (UNKNOWN if added["content"] == model.get("unk_token") else CONTROL) if added["special"] else USER_DEFINED
        )
        pieces[added["id"]] = Piece(added["content"], 0.0 if added["special"] else UNUSED_SCORE, kind)
    return tuple(pieces)


def _scores(merges: list[Any]) -> dict[str, float]:
    """A piece's score: minus the rank of the first merge that makes it."""
    scores: dict[str, float] = {}
    for rank, merge in enumerate(merges):
        left, right = merge.split(" ") if isinstance(merge, str) else merge
        scores.setdefault(left + right, -float(rank))
    return scores


def _type(text: str, unknown: str | None) -> int:
    if text == unknown:
        return UNKNOWN
    return BYTE if len(text) == 6 and text.startswith("<0x") and text.endswith(">") else NORMAL
