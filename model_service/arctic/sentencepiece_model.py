"""A SentencePiece `tokenizer.model` -> the same tokenizer in the form of `tokenizers`, without the sentencepiece library.

The file is a protobuf message whose field 1, repeated, is a piece: its text (1), score (2) and type (3). SentencePiece
joins the two neighbours whose joint piece has the best score until none can be joined; `tokenizers` joins by the rank
of a merge. So each way to cut a piece in two known ones becomes a merge, ranked by the piece's score.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from model_service.errors import CheckpointError

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, BYTE = 1, 2, 3, 4, 6
SPACE = "▁"


@dataclass(frozen=True)
class Piece:
    """One entry of the vocabulary; its id is its place."""

    text: str
    score: float = 0.0
    type: int = NORMAL


def read_tokenizer(path: Path, redefined: Mapping[int, str]) -> Tokenizer:
    """The tokenizer of a `tokenizer.model`. redefined: ids whose piece a special token has taken (31998, 31999).

    Raises CheckpointError if the file is not of this kind.
    """
    try:
        pieces = [_piece(field) for number, field in _fields(path.read_bytes()) if number == 1]
    except OSError as error:
        raise CheckpointError(f"Cannot read {path}: {error.strerror}.", "Check the file's permissions.") from error
    except (ValueError, IndexError, struct.error, TypeError) as error:
        raise CheckpointError(f"{path} is not a SentencePiece model.", "Fetch it again.") from error
    if not any(piece.type == UNKNOWN for piece in pieces) or any(token >= len(pieces) for token in redefined):
        raise CheckpointError(f"{path} is not the SentencePiece model of this checkpoint.", "Fetch it again.")
    return _tokenizer(pieces, redefined)


def _tokenizer(pieces: list[Piece], redefined: Mapping[int, str]) -> Tokenizer:
    texts = [redefined.get(token, piece.text) for token, piece in enumerate(pieces)]
    joinable = [piece for token, piece in enumerate(pieces) if piece.type == NORMAL and token not in redefined]
    unknown = next(piece.text for piece in pieces if piece.type == UNKNOWN)
    model = models.BPE(
        vocab={text: token for token, text in enumerate(texts)},
        merges=list(_merges(joinable)),
        unk_token=unknown,
        fuse_unk=True,
        byte_fallback=True,
    )
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement=SPACE, prepend_scheme="first", split=False)
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    special = [piece.text for piece in pieces if piece.type in (UNKNOWN, CONTROL)] + list(redefined.values())
    tokenizer.add_special_tokens([AddedToken(text, normalized=False, special=True) for text in special])
    own = [piece.text for token, piece in enumerate(pieces) if piece.type == USER_DEFINED and token not in redefined]
    tokenizer.add_tokens([AddedToken(text, normalized=False) for text in own])
    return tokenizer


def _merges(pieces: list[Piece]) -> Iterator[tuple[str, str]]:
    known = {piece.text for piece in pieces}
    for piece in sorted(pieces, key=lambda piece: -piece.score):  # stable: of one score, the lower id first
        for cut in range(1, len(piece.text)):
            if piece.text[:cut] in known and piece.text[cut:] in known:
                yield piece.text[:cut], piece.text[cut:]


def _piece(message: Any) -> Piece:
    fields = dict(_fields(message))
    return Piece(fields[1].decode("utf-8"), fields.get(2, 0.0), fields.get(3, NORMAL)) if 1 in fields else Piece("")


def _fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """Number and value of each field of a protobuf message: int, bytes, or float for the four-byte kind."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(message, at)
            yield key >> 3, value
            continue
        if kind == 2:
            size, at = _varint(message, at)
        else:
            size = {1: 8, 5: 4}[kind] if kind in (1, 5) else -1
        if size < 0 or at + size > len(message):
            raise ValueError("not a protobuf message")
        raw, at = message[at : at + size], at + size
        yield key >> 3, struct.unpack("<f", raw)[0] if kind == 5 else raw


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """The number that starts there, seven bits a byte, and where it ends."""
    value = shift = 0
    while True:
        value |= (message[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if not message[at - 1] & 0x80:
            return value, at
