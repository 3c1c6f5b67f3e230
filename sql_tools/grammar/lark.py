"""Tables and dialect -> one grammar in llguidance's Lark: names that do not exist cannot be written.

`select.lark` holds the rules, `words.py` the fixed terminals, `scope.py` the bits; here the schema comes in. A table is a
terminal `T3` (its name, with or without its schema), its columns one terminal `C3`. Unquoted names may be written in any
case, as people and models do; quoted ones as stored, in any case too in DuckDB, which ignores it even then.

A name of the writer's own (alias, CTE) is any identifier: no grammar can say that what ORDER BY names was named before.
It is bounded in length, never an SQL keyword, and cannot stand before a dot as a real table does. It may hold letters beyond
ASCII, not only because people use them: each token that leaves a name with such a letter costs the engine a look ahead, and
it gives up after 50,000 steps a token, whereupon servers write unconstrained text (`tests/bench/grammar_speed.py`).
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib.resources import files

from sql_tools.errors import CopilotError
from sql_tools.grammar.scope import PLACES, table_bit
from sql_tools.grammar.words import GAP, MUST, keywords, terminals
from sql_tools.identifiers import needs_quotes, reserved
from sql_tools.models import Table

HEAD = "%llguidance {}\n"
MAX_TABLES = 64  # llguidance follows 2,000 possibilities at once; more tables than these have more
SINGLE_TABLES = (
    12  # up to this many the SELECT list guesses its one table; beyond, any table's columns are allowed in it
)
MARK = re.compile(r" #(duckdb|snowflake)$", re.M)
LONE = re.compile(r"(:|\|) (\w+(?:::(?!_)\S+(?: %if .*)?|(?:::_)? %if .*))$", re.M)
JOIN = "\n  | "
ORDINARY = re.compile(r"[A-Za-z0-9_ -]")


def lark_grammar(tables: Sequence[Table], dialect: str) -> str:
    """The grammar of every SELECT over these tables that `dialect` ("duckdb" or "snowflake") may be asked.

    The same tables and dialect give the same text. Raises CopilotError if there is no table, too many of them, or no such dialect.
    """
    if not tables:
        raise CopilotError("There is no table to write a grammar for.", "Give a warehouse with tables.")
    if len(tables) > MAX_TABLES:
        hint = "Ask about a part of the warehouse; retrieval shows the model far fewer."
        raise CopilotError(f"A grammar takes at most {MAX_TABLES} tables; these are {len(tables)}.", hint)
    if dialect not in ("duckdb", "snowflake"):
        raise CopilotError(f"There is no grammar for {dialect!r}.", "There is one for duckdb and for snowflake.")
    return _written(tuple(_names(table) for table in tables), dialect)


def grammar_key(grammar: str) -> str:
    """A short hash of a grammar: the same for the same schema and dialect."""
    return hashlib.sha256(grammar.encode()).hexdigest()[:16]


def _names(table: Table) -> tuple[tuple[str, ...], tuple[str, ...]]:
    parts = tuple(part for part in (table.database, table.schema_name, table.name) if part)
    return parts, tuple(column.name for column in table.columns)


@lru_cache(maxsize=64)
def _written(tables: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...], dialect: str) -> str:
    rules = _rules(len(tables), dialect)
    regexes = keywords(rules) | terminals(dialect)
    for index, (path, columns) in enumerate(tables):
        for kind, name in zip(("T", "IN_SCHEMA", "IN_DATABASE"), reversed(path), strict=False):
            regexes[f"{kind}{index}"] = GAP + name_regex(name, dialect)
        regexes[f"C{index}"] = f"{GAP}(?:{any_of(name_regex(column, dialect) for column in columns)})"
    for index in (i for i, (path, _) in enumerate(tables) if len(path) < 3):
        rules = re.sub(rf"\n  \| IN_DATABASE{index} .*", "", rules)
    used = {name for name in re.findall(r"\b[A-Z][A-Z0-9_]*\b", rules)}
    lines = [f"{name}: {slashed(regex)}" for name, regex in regexes.items() if name in used]
    return HEAD + rules + "\n".join([*lines, *_own_names([path[-1] for path, _ in tables], dialect)]) + "\n"


def _rules(tables: int, dialect: str) -> str:
    """The rules of the template: a line an alternative, `@`, `~` and `$` filled in, other dialects' lines left out."""
    template = files("sql_tools.grammar").joinpath("select.lark").read_text()
    kept = "\n".join(line for line in template.split("\n") if _is_kept(line, dialect))
    guesses = range(tables) if tables <= SINGLE_TABLES else range(0)
    rules = []
    for head, body in re.findall(r"^([a-z_@~^]+(?:::_)? *:)((?:.*\n(?!\S))*.*\n)", kept, re.M):
        alternatives = re.split(r"\n *\| +", body.strip())
        if "@" in head:
            indices = range(tables) if head.startswith("table_") else guesses
            rules += [(_fill(head, i), [_fill(a, i) for a in alternatives]) for i in indices]
        else:
            rules.append((head, list(_expanded(alternatives, tables, guesses))))
    names = ["_none", "_any", *(f"_{i}" for i in guesses)]
    copies = [re.sub("[~^]", n, f"{h} {JOIN.join(a)}") for h, a in rules for n in _copies(h, names)]
    return _kept_apart("\n".join(_reached([_placed(rule, tables) for rule in copies])) + "\n")


def _copies(head: str, guesses: list[str]) -> list[str]:
    return ["", *guesses] if "~" in head else guesses if "^" in head else [""]


def _reached(rules: list[str]) -> list[str]:
    """The rules that `start` leads to."""
    named = {rule.split(":")[0].strip(): rule for rule in rules}
    reached, ahead = {"start"}, ["start"]
    while ahead:
        found = {word for word in re.findall(r"[a-z_0-9]+", named[ahead.pop()]) if word in named}
        ahead += sorted(found - reached)
        reached |= found
    return [rule for name, rule in named.items() if name in reached]


def _is_kept(line: str, dialect: str) -> bool:
    marked = MARK.search(line)
    return not line.startswith("//") and (marked is None or marked[1] == dialect)


def _expanded(alternatives: list[str], tables: int, guesses: range) -> Iterator[str]:
    """The alternatives, those with `@` once for each table; the SELECT list's guesses only while they are few."""
    for alternative in alternatives:
        if "@" not in alternative:
            yield alternative
        else:
            yield from (_fill(alternative, i) for i in (guesses if "list_@" in alternative else range(tables)))


def _fill(text: str, index: int) -> str:
    return text.replace("(@)", f"({table_bit(index)})").replace("@", str(index))


def _placed(rules: str, tables: int) -> str:
    """The rules with what `$X` stands for; where one table is not guessed, one table is a case of several."""
    places = PLACES | {"FROM_REAL": "real_more" if tables <= SINGLE_TABLES else "any"}
    return re.sub(r"\$([A-Z_]+)", lambda m: places[m[1]], MARK.sub("", rules))


def _kept_apart(rules: str) -> str:
    """The rules such that llguidance 1.9 loses no change of parameter; NIL matches nothing.

    It puts a rule's only symbol, and the body of a rule that has but one, in place of its name (`expand_shortcuts`), and
    drops the parameter or panics. So a change never stands alone, and what it leads to has two alternatives.
    """
    changed = set(re.findall(r"\b(\w+)::(?!_)", rules)) | set(re.findall(r"^(\w+)::_ :.*::(?!_)", rules, re.M))
    rules = re.sub(
        r"^((\w+)::_ : .*)\n(?=\w|\Z)", lambda m: f"{m[1]}\n{'  | NIL' * (m[2] in changed)}\n", rules, flags=re.M
    )
    return LONE.sub(r"\1 NIL? \2", rules.replace("\n\n", "\n"))


def name_regex(name: str, dialect: str) -> str:
    """How SQL may write a stored name: bare in any case where it needs no quotes, and quoted."""
    quoted = '"' + escape(name.replace('"', '""')) + '"'
    if dialect == "duckdb":
        quoted = f"(?i:{quoted})"
    return quoted if needs_quotes(name, dialect) else f"(?:(?i:{escape(name)})|{quoted})"


def slashed(regex: str) -> str:
    """The regex as Lark writes it."""
    return "/" + regex.replace("/", r"\/") + "/"


def any_of(regexes: Iterator[str]) -> str:
    """One of these; what matches nothing where there are none."""
    return "|".join(dict.fromkeys(regexes)) or r"[^\x00-\U0010FFFF]"


def escape(text: str) -> str:
    """The text as a regex that means it, in llguidance's syntax and in Python's."""
    return "".join(c if ORDINARY.match(c) or not c.isascii() else f"\\x{ord(c):02x}" for c in text)


def _own_names(tables: list[str], dialect: str) -> list[str]:
    """The terminals of names the writer makes up: any (OUT_NAME), and any that no table has (NAME)."""
    keywords = f"(?i:{'|'.join(sorted(reserved(dialect)))})"
    taken = any_of(name_regex(name, dialect) for name in tables)
    bare, quoted = r"[A-Za-z_\u00C0-\uFFFF][A-Za-z0-9_\u00C0-\uFFFF]{0,60}", r"\"[^\"\x00-\x1f\x7f]{1,60}\""
    names = {"OUT_NAME": (GAP, keywords), "NAME": (GAP, f"{keywords}|{taken}")}
    names |= {f"BARE_{name}": (MUST, barred) for name, (_, barred) in names.items()}
    return [
        "NIL: /a/ & /b/",
        *(
            f"{n}: {slashed(f'{space}(?:{bare}|{quoted})')} & ~{slashed(f'{space}(?:{no})')}"
            for n, (space, no) in names.items()
        ),
    ]
