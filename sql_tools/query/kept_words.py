"""What a text says, word by word, and whether another text of the same statement still says it.

sqlglot drops what it has no place for when it writes a statement again: the pattern of TO_CHAR, WITH TIES, a third
argument. So the words, names, numbers and texts of both are counted and compared. What differs must be one of these
equivalences, else it is told:

- a function as sqlglot writes it in this dialect, if all its arguments are still there (`len(a)` -> `LENGTH(a)`);
- a type's other name (`STRING` -> `VARCHAR`), `a::T` -> `CAST(a AS T)`, `DATE 'x'` -> `CAST('x' AS DATE)`;
- a unit of time as a word or a text, in any case (`'month'` -> `MONTH`), a number in quotes (`INTERVAL 1 DAY`);
- a path in JSON (`a:b.c` -> `GET_PATH(a, 'b.c')`);
- words that change nothing (`AS`, `ASC`, `OUTER`), and those of `PHRASES`.

Given up: the order of words is not compared, since some clauses are written elsewhere (`FROM t SELECT a`).
"""

import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise

import sqlglot
from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from sql_tools.query.text import TEXTS

Words = Counter[str]  # 'text in quotes, #number, name or keyword in lower case, operator

SILENT = frozenset("as asc outer inner join row rows only cast nulls first last ( ) , ; * .".split())
UNITS = frozenset(
    """year years month months week weeks day days hour hours minute minutes second seconds quarter quarters millisecond
    milliseconds microsecond microseconds nanosecond nanoseconds dow doy isodow isoyear yearofweek weekiso dayofweek
    dayofyear epoch decade century millennium timezone dayofweekiso yearofweekiso epoch_second epoch_millisecond
    epoch_microsecond epoch_nanosecond dayofmonth week_iso ns us ms y yy yyyy yr mm mon d dd h hh hr mi m min s sec""".split()
)
PHRASES = {  # what may be lost, what may come in its place, and a word that must stand there for it; the tests run each on
    # DuckDB, or name Snowflake's page
    "duckdb": (
        ("table", "select from", ""), ("", "select", ""), ("within group", "", ""), ("!=", "<>", ""), ("==", "=", ""),
        ("::", "", ""), ("%", "system percent", ""), ("", "join on true", ""), ("position in", "strpos", ""),
        ("datediff", "date_diff", ""), ("datetrunc", "date_trunc", ""), ("**", "power", ""), ("^", "power", ""),
        ("", "text", ""), ("%", "percent", ""), ("", "repeatable", ""), ("->", "lambda :", ""),
        ("", "between and current", "preceding"), ("", "between and current", "following"),
        ("from for", "", "substring"), ("from", "", "substring"), ("both", "", "trim"), ("trim leading", "ltrim", ""), ("trim trailing", "rtrim", ""), ("!", "not", "~"),
        ("~", "regexp_matches", ""), ("from", "", "trim"),
        ("fetch", "limit", ""), ("", "reservoir", "sample"), ("", "where", "filter"), ("! ~~", "not like", ""), ("~~", "like", ""),  ("~~*", "ilike", ""), ("numeric", "decimal", ""), ("", "#18 #3", "decimal"),
        ("", "#18 #3", "numeric"), ("", "select from _values", "values"), ("", "_values", "values"),
    ),
    "snowflake": (
        ("", "select", ""), ("!=", "<>", ""), ("::", "", ""), (":", "get_path", ""), ("not in", "<> all", ""),
        ("filter where", "iff null", ""), ("extract from", "date_part", ""), ("position in", "charindex", ""),
        ("rlike", "regexp_like", ""), ("regexp", "regexp_like", ""), ("number", "decimal", ""), ("numeric", "decimal", ""),
        ("expr => scale =>", "", ""), ("to_date", "date", ""), ("to_time", "time", ""), ("to_timestamp", "timestamp", ""),
        ("to_timestamp_ntz", "timestampntz", ""), ("to_timestamp_ntz", "to_timestamp", ""),
        ("", "between and current", "preceding"), ("fetch", "limit", ""), ("minus", "except", ""), ("top", "limit", ""),
        ("trunc", "date_trunc", ""), ("sample", "tablesample bernoulli", ""), ("sample", "tablesample", ""),
    ),
}  # fmt: skip
SYNONYMS = {"dow": "dayofweek", "doy": "dayofyear"}
MADE = {  # what a word brings along
    "flatten": "_flattened seq key path index value this lateral table",
    **dict.fromkeys(("number", "numeric", "decimal"), "#38 #0"),
}
OF_ANY_LENGTH = (
    TokenType.VARCHAR,
    TokenType.CHAR,
    TokenType.NCHAR,
    TokenType.NVARCHAR,
    TokenType.BPCHAR,
    TokenType.TEXT,
)
MAX_DIGITS = 40
FORMAT = re.compile(  # Snowflake's parts of a date or time, where large and small letters are the same
    r"(?:yyyy|yy|mmmm|mm|mon|dd|dy|hh24|hh12|hh|am|pm|mi|ss|ff|tzh|tzm|tzd|uuuu)+", re.IGNORECASE
)


def told_otherwise(before: str, after: str, dialect: str) -> tuple[str, ...]:
    """What of `before` is not in `after`, or the other way round, as `lost x` and `new x`; empty if both say the same.

    Raises sqlglot's TokenError where one of them is not made of tokens.
    """
    tokens = [sqlglot.tokenize(text, read=dialect) for text in (before, after)]
    if dialect == "duckdb":
        tokens = [_without_lengths(part) for part in tokens]
    lost, new = (_counted(part) for part in tokens)
    lost, new = lost - new, new - lost
    if not lost and not new:
        return ()
    for gone, come in _calls(tokens[0], dialect):
        lost, new = lost - gone, new - come
    said = _counted(tokens[0])
    known = set(said) | {made for word in said for made in MADE.get(word, "").split()}
    _cancel_paths(lost, new, known)
    _cancel(lost, new, said, dialect)
    return (
        *(f"lost {_shown(word)}" for word in lost if word not in SILENT),
        *(f"new {_shown(word)}" for word in new if word not in SILENT and word not in known),
    )


def _without_lengths(tokens: list[Token]) -> list[Token]:
    """The tokens without the 20 of `VARCHAR(20)`, which DuckDB reads and forgets."""
    kept = list[Token]()
    for n, token in enumerate(tokens):
        is_length = token.token_type is TokenType.NUMBER and n > 1 and tokens[n - 2].token_type in OF_ANY_LENGTH
        if not (is_length and tokens[n - 1].token_type is TokenType.L_PAREN):
            kept.append(token)
    return kept


def _counted(tokens: list[Token]) -> Words:
    """`.5` comes as a dot and a number."""
    found = Counter(word for token in tokens for word in _words(token))
    found["array"] -= sum(_is_array(*pair) for pair in pairwise(tokens))
    for dot, number in pairwise(tokens):
        if dot.token_type is TokenType.DOT and number.token_type is TokenType.NUMBER:
            found.subtract(_words(number))
            found["#" + _number("0." + number.text)] += 1
    return +found


def _is_array(token: Token, after: Token) -> bool:
    """Is it the word of `ARRAY[1, 2]`, which says no more than the brackets?"""
    return token.text.lower() == "array" and after.token_type is TokenType.L_BRACKET


def _words(token: Token) -> Iterator[str]:
    if token.token_type in TEXTS:
        yield "'" + token.text
    elif token.token_type is TokenType.NUMBER:
        yield "#" + _number(token.text)
    elif token.token_type is TokenType.IDENTIFIER:
        yield token.text.lower()
    else:
        yield from token.text.lower().split()


def _number(text: str) -> str:
    try:
        number = Decimal(text.replace("_", "")).normalize()
        return format(number, "f") if abs(number.adjusted()) < MAX_DIGITS else str(number)  # 30, not 3E+1
    except ArithmeticError:  # no number, or one beyond all bounds
        return text.lower()


def _calls(tokens: list[Token], dialect: str) -> Iterator[tuple[Words, Words]]:
    """What sqlglot loses and adds by writing each function call its own way, arguments left alone."""
    for at, token in enumerate(tokens[:-1]):
        if tokens[at + 1].token_type is TokenType.L_PAREN and re.fullmatch(r"\w+", token.text):
            yield _rewritten(token.text.lower(), _arguments(tokens, at + 1), dialect)


def _arguments(tokens: list[Token], opening: int) -> int:
    """How many arguments stand between this bracket and the one that closes it."""
    depth, commas = 0, 0
    for at in range(opening, len(tokens)):
        kind = tokens[at].token_type
        depth += kind in (TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE)
        depth -= kind in (TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE)
        commas += depth == 1 and kind is TokenType.COMMA
        if depth == 0:
            return commas + (at > opening + 1)
    return commas + 1


@lru_cache(maxsize=4096)
def _rewritten(name: str, count: int, dialect: str) -> tuple[Words, Words]:
    """The words a call of this function loses and gains when written again; nothing if an argument went."""
    arguments = [f"a__{n}" for n in range(count)]
    call = f"{name}({', '.join(arguments)})"
    try:
        tree = sqlglot.parse_one(call, read=dialect)
        before, after = (
            _counted(sqlglot.tokenize(text, read=dialect)) for text in (call, tree.sql(dialect=dialect, comments=False))
        )
    except Exception:  # no function of one argument list, such as CAST and EXTRACT
        return Counter(), Counter()
    if not isinstance(tree, exp.Expr) or any(name not in after for name in arguments):
        return Counter(), Counter()
    return before - after, Counter({word: n for word, n in (after - before).items() if word not in arguments})


def _cancel(lost: Words, new: Words, said: Words, dialect: str) -> None:
    """Take what is the same in other words out of both."""
    for word in list(lost):
        for other in [other for other in new if _same(word, other, dialect)]:
            _exchange(lost, new, [word], [other])
        if span := re.fullmatch(r"'(-?[\d.]+) (\w+)", word.lower()):  # INTERVAL '2 days' is INTERVAL '2' DAYS
            _exchange(lost, new, [word], [f"'{span[1]}", span[2]])
    for gone, come, needed in PHRASES[dialect]:
        if not needed or needed in said:
            _exchange(lost, new, gone.split(), come.split())


def _cancel_paths(lost: Words, new: Words, known: set[str]) -> None:
    """Take out each text that is a path in JSON made of names that stood there as names: `a:b[0].c` -> `'b[0].c'`."""
    for text in [word for word in new if word.startswith("'")]:
        steps = [step for step in re.split(r"[^\w$]+", text[1:].lower()) if step]
        if "struct_pack" in known and text[1:].lower() in known:  # struct_pack(x) is {'x': x}, and so is x := x
            del new[text]
            lost.subtract([text[1:].lower(), ":="] if lost[":="] > 0 else [])
        elif ":" in known and steps and all(step in known or step.isdigit() for step in steps):
            lost.subtract([*steps, *("#" + step for step in steps), *"[]"] * new.pop(text))
    for word in [word for word, count in lost.items() if count <= 0]:
        del lost[word]


def _exchange(lost: Words, new: Words, gone: list[str], come: list[str]) -> None:
    while all(lost[word] > 0 for word in gone) and all(new[word] > 0 for word in come):
        lost.subtract(gone)
        new.subtract(come)
    for counted in (lost, new):
        for word in [word for word, count in counted.items() if count <= 0]:
            del counted[word]


def _same(word: str, other: str, dialect: str) -> bool:
    """Is it the same unit of time, number in or out of quotes, path, format of a date, or type?"""
    plain, plain_2 = word.lstrip("'#").lower(), other.lstrip("'#").lower()
    if (plain.rstrip("s") == plain_2.rstrip("s") and plain in UNITS) or SYNONYMS.get(plain) == plain_2:
        return True
    if word[:1] in ("'", "#") and other[:1] in ("'", "#") and plain == plain_2 and re.fullmatch(r"-?[\d.]+", plain):
        return True
    if word[:1] == other[:1] == "'" and plain == plain_2 and (span := re.fullmatch(r"-?[\d.]+ (\w+)", plain)):
        return span[1] in UNITS  # INTERVAL '1 day' is written INTERVAL '1 DAY'
    if word[:1] == other[:1] == "'":
        same_format = dialect == "snowflake" and plain == plain_2 and _differ_in_formats(word, other)
        return same_format or (
            dialect == "snowflake" and plain_2 == "$." + plain and re.fullmatch(r"\w+", plain) is not None
        )
    return _is_type(word, other, dialect)


def _differ_in_formats(word: str, other: str) -> bool:
    """Do the two, the same but for the size of letters, differ in whole parts of a date's format alone?"""
    differing = "".join(a if a != b else " " for a, b in zip(word, other, strict=True))
    return all(FORMAT.fullmatch(part) for part in differing.split())


@lru_cache(maxsize=4096)
def _is_type(word: str, other: str, dialect: str) -> bool:
    """Does this dialect write the type `word` as `other`?"""
    if not re.fullmatch(r"\w+", word) or not re.fullmatch(r"\w+", other):
        return False
    try:
        return sqlglot.parse_one(f"CAST(a AS {word})", read=dialect).sql(dialect).lower() == f"cast(a as {other})"
    except Exception:
        return False


def _shown(word: str) -> str:
    return f"{word}'" if word.startswith("'") else word.removeprefix("#")
