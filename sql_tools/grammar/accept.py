"""Is a grammar one, and does a text keep to it? Both are asked of llguidance itself, the engine the servers use.

Servers fail open: with a grammar they cannot compile, or at a dead end, they answer 200 with text nothing held to. So a
grammar is validated before it is sent, and each completion is matched against it afterwards.
"""

from functools import lru_cache
from typing import Any

from sql_tools.errors import CopilotError, InvalidSQLError
from sql_tools.models import Record

END_OF_TEXT = 256


class Match(Record):
    """Does the text keep to the grammar? If not, `stopped_at` is the character from which on it does not."""

    accepted: bool
    stopped_at: int = 0


def accepts(grammar: str, sql: str) -> Match:
    """Whether the grammar allows exactly this text. Raises CopilotError if the grammar is none."""
    text = sql.encode()
    matcher = _compiled(grammar).deep_copy()
    taken = matcher.try_consume_tokens(list(text))
    whole = taken == len(text) and matcher.is_accepting() and not matcher.is_error()
    return Match(accepted=whole, stopped_at=len(sql) if whole else len(text[:taken].decode(errors="ignore")))


def require_match(grammar: str, sql: str) -> None:
    """Nothing, or InvalidSQLError: the model was cut off, or its server did not hold it to the grammar."""
    match = accepts(grammar, sql)
    if match.accepted:
        return
    rest = " ".join(sql[match.stopped_at :].split())[:60]
    where = f"from {rest!r} on" if rest else "because it is not finished"
    hint = "Use only the tables, columns and functions given."
    raise InvalidSQLError(f"The SQL leaves what the schema's grammar allows {where}.", hint, rule="grammar")


def problem_of(grammar: str) -> str:
    """Why the grammar is none, in llguidance's words; empty if it is one.

    A matcher is made as well: some grammars pass the validation and still cannot be compiled.
    """
    from llguidance import LLMatcher

    problem = str(LLMatcher.validate_grammar(grammar, _bytes_tokenizer())).strip()
    return problem or str(_matcher(grammar).get_error()).strip()


def _matcher(grammar: str) -> Any:
    from llguidance import LLMatcher

    return LLMatcher(_bytes_tokenizer(), grammar, log_level=0)


@lru_cache(maxsize=32)
def _compiled(grammar: str) -> Any:
    matcher = _matcher(grammar)
    if matcher.is_error():
        why = matcher.get_error().strip().split("\n")[0]
        raise CopilotError(f"The grammar is not valid: {why}.", "Turn it off: ARCTIC_COPILOT_GRAMMAR=never.")
    return matcher


class _Bytes:
    """A vocabulary of the 256 bytes and an end: enough to match text, whatever the model's own tokens are."""

    eos_token_id = END_OF_TEXT
    bos_token_id = None
    special_token_ids = (END_OF_TEXT,)
    tokens = tuple([bytes([value]) for value in range(256)] + [b"<end>"])

    def __call__(self, text: str | bytes) -> list[int]:
        return list(text.encode() if isinstance(text, str) else text)


@lru_cache(maxsize=1)
def _bytes_tokenizer() -> Any:
    from llguidance import LLTokenizer, TokenizerWrapper

    return LLTokenizer(TokenizerWrapper(_Bytes()))
