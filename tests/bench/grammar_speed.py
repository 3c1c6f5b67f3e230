"""How fast are grammars, on a real vocabulary? `python tests/bench/grammar_speed.py MODEL.gguf`.

Takes the vocabulary out of the GGUF file (byte-level BPE as GPT-2 writes it), and for schemas of several sizes reports the
time to write and to compile the grammar, and to compute the token mask at each step of two queries; "dead" counts the steps
at which the engine gave up, after which a server writes unconstrained text.
"""

import json
import random
import statistics
import struct
import sys
import time
from pathlib import Path
from typing import Any, BinaryIO

from llguidance import LLMatcher, LLTokenizer, TokenizerWrapper

from sql_tools.grammar import lark_grammar
from sql_tools.models import Column, Table

SIZES = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}


def main(gguf: Path) -> None:
    """One JSON line a schema size."""
    tokenizer = LLTokenizer(TokenizerWrapper(Vocabulary(gguf)))
    for count in (3, 8, 12, 13, 64):
        print(json.dumps(measure(tokenizer, schema(count))))


def schema(count: int) -> tuple[Table, ...]:
    """`count` tables of 25 columns, named at random."""
    rng = random.Random(count)
    words = "order customer price date status region total line item ship code name amount type flag note".split()

    def named(index: int) -> str:
        return f"{rng.choice(words)}_{rng.choice(words)}_{index}"

    return tuple(
        Table(
            schema_name="main", name=named(t), columns=tuple(Column(name=named(c), type="VARCHAR") for c in range(25))
        )
        for t in range(count)
    )


def measure(tokenizer: LLTokenizer, tables: tuple[Table, ...]) -> dict[str, Any]:
    """Milliseconds to write and compile, microseconds a mask."""
    started = time.perf_counter()
    grammar = lark_grammar(tables, "duckdb")
    written = time.perf_counter()
    compiled = min(_compile(tokenizer, grammar) for _ in range(5))
    masks: list[float] = []
    dead = 0
    for sql in queries(tables):
        dead += _masks(LLMatcher(tokenizer, grammar, log_level=0), tokenizer.tokenize_str(sql), masks)
    masks.sort()
    return {
        "tables": len(tables),
        "columns": sum(len(t.columns) for t in tables),
        "chars": len(grammar),
        "write_ms": round(1e3 * (written - started), 1),
        "compile_ms": round(1e3 * compiled, 1),
        "mask_us_p50": round(1e6 * statistics.median(masks)),
        "mask_us_mean": round(1e6 * statistics.mean(masks)),
        "mask_us_max": round(1e6 * masks[-1]),
        "steps": len(masks),
        "dead": dead,
    }


def queries(tables: tuple[Table, ...]) -> list[str]:
    """A join with a subquery and a window, and a WITH."""
    a, b, c = tables[:3]
    return [
        f"```sql\nSELECT T1.{a.columns[0].name}, COUNT(*) AS n, (SELECT MAX({b.columns[1].name}) FROM {b.name}) FROM {a.name} AS T1"
        f" JOIN {c.name} AS T2 ON T1.{a.columns[3].name} = T2.{c.columns[4].name} WHERE T2.{c.columns[5].name} > 'x' AND"
        f" T1.{a.columns[6].name} IN (SELECT {b.columns[7].name} FROM {b.name}) GROUP BY T1.{a.columns[0].name} ORDER BY n DESC LIMIT 5",
        f"WITH x AS (SELECT {a.columns[2].name}, ROW_NUMBER() OVER (PARTITION BY {a.columns[8].name} ORDER BY {a.columns[9].name}) AS r"
        f" FROM {a.name}) SELECT x.r, CASE WHEN x.r > 1 THEN 'a' ELSE 'b' END FROM x WHERE x.r BETWEEN 1 AND 10",
    ]


def _compile(tokenizer: LLTokenizer, grammar: str) -> float:
    started = time.perf_counter()
    LLMatcher(tokenizer, grammar, log_level=0)
    return time.perf_counter() - started


def _masks(matcher: LLMatcher, tokens: list[int], seconds: list[float]) -> int:
    for token in tokens:
        started = time.perf_counter()
        mask = matcher.compute_logit_bias()
        seconds.append(time.perf_counter() - started)
        if matcher.is_error() or not mask[token] or not matcher.consume_token(token):
            print(matcher.get_error()[:200] or f"token {token} is masked", file=sys.stderr)
            return 1
    return 0


class Vocabulary:
    """The tokens of a GGUF file's byte-level BPE."""

    bos_token_id = None

    def __init__(self, gguf: Path) -> None:
        with gguf.open("rb") as file:
            meta = _metadata(file)
        back = {char: byte for byte, char in _gpt2_characters().items()}
        texts: list[str] = meta["tokenizer.ggml.tokens"]
        kinds: list[int] = meta["tokenizer.ggml.token_type"]
        self.eos_token_id: int = meta["tokenizer.ggml.eos_token_id"]
        self.special_token_ids = [i for i, kind in enumerate(kinds) if kind != 1]
        self.tokens = [
            bytes(back[c] for c in text) if kind == 1 else f"\xff{text}".encode()
            for text, kind in zip(texts, kinds, strict=True)
        ]
        self._by_bytes = {token: i for i, token in enumerate(self.tokens)}
        self._longest = max(map(len, self.tokens))

    def __call__(self, text: str | bytes) -> list[int]:
        """The longest tokens from the left: not the model's own split, but one it could make."""
        rest, out = text.encode() if isinstance(text, str) else text, []
        while rest:
            size = next(n for n in range(min(self._longest, len(rest)), 0, -1) if rest[:n] in self._by_bytes)
            out.append(self._by_bytes[rest[:size]])
            rest = rest[size:]
        return out


def _gpt2_characters() -> dict[int, str]:
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [b for b in range(256) if b not in shown]
    return {b: chr(b) for b in shown} | {b: chr(256 + i) for i, b in enumerate(hidden)}


def _metadata(file: BinaryIO) -> dict[str, Any]:
    file.seek(8)
    _, count = struct.unpack("<QQ", file.read(16))
    return {_string(file): _value(file, struct.unpack("<I", file.read(4))[0]) for _ in range(count)}


def _string(file: BinaryIO) -> str:
    return file.read(struct.unpack("<Q", file.read(8))[0]).decode(errors="replace")


def _value(file: BinaryIO, kind: int) -> Any:
    if kind == 8:
        return _string(file)
    if kind == 9:
        of, count = struct.unpack("<IQ", file.read(12))
        return [_value(file, of) for _ in range(count)]
    return struct.unpack("<" + SIZES[kind], file.read(struct.calcsize("<" + SIZES[kind])))[0]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
