"""A GGUF that llama.cpp really loads: a Llama of one layer and 64 tokens with random weights, 60 KB, written by hand."""

import random
import struct
from pathlib import Path

WIDTH, HEADS, VOCAB, CONTEXT = 32, 2, 64, 256
UINT32, FLOAT32, STRING, ARRAY = 4, 6, 8, 9


def write_tiny_llama(path: Path) -> Path:
    """The file at path."""
    pairs, tensors = _pairs(), _tensors()
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


def _pairs() -> list[bytes]:
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
        _pair("tokenizer.ggml.model", STRING, _text("llama")),
    ]
    pairs += [_pair(f"llama.{name}", UINT32, struct.pack("<I", size)) for name, size in sizes.items()]
    pairs.append(_pair("llama.attention.layer_norm_rms_epsilon", FLOAT32, struct.pack("<f", 1e-5)))
    tokens = [f"▁t{number}" for number in range(VOCAB)]
    pairs.append(_list("tokenizer.ggml.tokens", STRING, [_text(token) for token in tokens]))
    pairs.append(_list("tokenizer.ggml.scores", FLOAT32, [struct.pack("<f", 0.0)] * VOCAB))
    return pairs


def _text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def _pair(name: str, kind: int, value: bytes) -> bytes:
    return _text(name) + struct.pack("<I", kind) + value


def _list(name: str, kind: int, values: list[bytes]) -> bytes:
    return _pair(name, ARRAY, struct.pack("<IQ", kind, len(values)) + b"".join(values))
