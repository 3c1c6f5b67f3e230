"""A GGUF that llama.cpp really loads: a Llama of one layer and 64 tokens with random weights, 60 KB, written by hand."""

import random
import struct
from collections.abc import Sequence
from pathlib import Path

WIDTH, HEADS, VOCAB, CONTEXT = 32, 2, 64, 256
UINT32, INT32, FLOAT32, STRING, ARRAY = 4, 5, 6, 8, 9


def write_tiny_llama(path: Path, words: Sequence[str] = ()) -> Path:
    """The file at path. With words, they are its tokens, after the 256 bytes and an end, as GPT-2 writes them."""
    pairs, tensors = _pairs(words), _tensors()
    infos, data = b"", b""
    for name, shape in tensors.items():
        infos += _text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, len(data))
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        data += struct.pack(
            f"<{count}f", *(1.0 if len(shape) == 1 else random.uniform(-0.2, 0.2) for _ in range(count))
        )
    header = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(pairs)) + b"".join(pairs) + infos
    path.write_bytes(header + bytes(-len(header) % 32) + data)
    return path


def _tensors() -> dict[str, tuple[int, ...]]:
    """Shapes as GGUF has them, fastest index first; each is a multiple of 32 bytes long."""
    square, vector, layer = (WIDTH, WIDTH), (WIDTH,), "blk.0"
    matrices = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
    norms = {f"{layer}.{name}.weight": vector for name in ("attn_norm", "ffn_norm")}
    found: dict[str, tuple[int, ...]] = {"token_embd.weight": (WIDTH, VOCAB), "output_norm.weight": vector}
    return found | norms | {f"{layer}.{name}.weight": square for name in matrices}


def _pairs(words: Sequence[str]) -> list[bytes]:
    sizes = {
        "context_length": CONTEXT,
        "embedding_length": WIDTH,
        "block_count": 1,
        "feed_forward_length": WIDTH,
        "attention.head_count": HEADS,
        "rope.dimension_count": WIDTH // HEADS,
    }
    pairs = [
        _pair("general.architecture", STRING, _text("llama")),
        _pair("tokenizer.ggml.model", STRING, _text("gpt2" if words else "llama")),
    ]
    pairs += [_pair(f"llama.{name}", UINT32, struct.pack("<I", size)) for name, size in sizes.items()]
    pairs.append(_pair("llama.attention.layer_norm_rms_epsilon", FLOAT32, struct.pack("<f", 1e-5)))
    if words:
        return pairs + _gpt2(words)
    tokens = [f"▁t{number}" for number in range(VOCAB)]
    pairs.append(_list("tokenizer.ggml.tokens", STRING, [_text(token) for token in tokens]))
    pairs.append(_list("tokenizer.ggml.scores", FLOAT32, [struct.pack("<f", 0.0)] * VOCAB))
    return pairs


def _gpt2(words: Sequence[str]) -> list[bytes]:
    """Byte-level tokens; no two are ever merged when text is read, which a test that writes does not need."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    byte_as = {byte: chr(byte) for byte in printable}
    byte_as |= {b: chr(256 + i) for i, b in enumerate(b for b in range(256) if b not in byte_as)}
    written = ["".join(byte_as[byte] for byte in word.encode()) for word in words]
    tokens = [*(byte_as[byte] for byte in range(256)), "<|end|>", *written]
    tokens += [f"<|unused{number}|>" for number in range(VOCAB - len(tokens))]
    kinds = [3 if token.startswith("<|") else 1 for token in tokens]  # control, normal
    end = struct.pack("<I", 256)
    return [
        _pair("tokenizer.ggml.pre", STRING, _text("default")),
        _list("tokenizer.ggml.tokens", STRING, [_text(token) for token in tokens]),
        _list("tokenizer.ggml.token_type", INT32, [struct.pack("<i", kind) for kind in kinds]),
        _list("tokenizer.ggml.merges", STRING, [_text("a b")]),
        _pair("tokenizer.ggml.eos_token_id", UINT32, end),
        _pair("tokenizer.ggml.bos_token_id", UINT32, end),
    ]


def _text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def _pair(name: str, kind: int, value: bytes) -> bytes:
    return _text(name) + struct.pack("<I", kind) + value


def _list(name: str, kind: int, values: list[bytes]) -> bytes:
    return _pair(name, ARRAY, struct.pack("<IQ", kind, len(values)) + b"".join(values))
