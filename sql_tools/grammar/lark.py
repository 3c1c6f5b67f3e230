"""Tables and dialect -> one grammar in llguidance's Lark: names that do not exist cannot be written.

`select.lark` holds the rules, `words.py` the fixed terminals, `scope.py` the bits; here the schema comes in. A table is a
terminal `T3` (its name, with or without its schema), its columns one terminal `C3`. Unquoted names may be written in any
case, as people and models do; quoted ones as stored, in any case too in DuckDB, which ignores it even then.

A name of the writer's own (alias, CTE) is any identifier: no grammar can say that what ORDER BY names was named before.
Where a subquery or CTE is in FROM, so is a column's name, and any real column's name may be one of its. A name is bounded in
length, never an SQL keyword, and cannot stand before a dot as a real table does. It may hold letters beyond ASCII, not only
because people use them: each token that leaves a name with such a letter costs the engine a look ahead, and it gives up after
50,000 steps a token, whereupon servers write unconstrained text (`tests/bench/grammar_speed.py`).
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib.resources import files

from sql_tools.errors import CopilotError
from sql_tools.grammar.scope import ABSENT, Layout, holders_of, in_common, layout, loose, of_shared, of_table, places
from sql_tools.grammar.stack import ALWAYS, NEVER
from sql_tools.grammar.words import GAP, MUST, keywords, terminals
from sql_tools.models import Table
from sql_tools.query.identifiers import needs_quotes, reserved

HEAD = "%llguidance {}\n"
MAX_TABLES = 64  # llguidance follows 2,000 possibilities at once; more tables than these have more
RULE = re.compile(r"^([a-z_@~0-9]+(?:::_)? *:)((?:.*\n(?!\S))*.*\n)", re.M)
MARK = re.compile(r" #(duckdb|snowflake|exact|loose)\b")
PLACE = re.compile(r"\$([A-Z_]+)")
LONE = re.compile(r"(:|\|) (\w+(?:::(?!_)\S+(?: %if .*)?|(?:::_)? %if .*))$", re.M)
JOIN = "\n  | "
TOKEN = re.compile(r"\(\?i:|\(\?:|\[(?:\\.|[^\]\\])*\]|\\x..|\\.|\{\d+(?:,\d*)?\}|.", re.S)
ORDINARY = re.compile(r"[A-Za-z0-9_ -]")


def lark_grammar(tables: Sequence[Table], dialect: str, *, held: bool = True) -> str:
    """The grammar of every SELECT over these tables that `dialect` ("duckdb" or "snowflake") may be asked.

    The SELECT list is held to what FROM names if the tables are few enough (`scope.py`) and `held` is true. The same tables and
    dialect give the same text. Raises CopilotError if there is no table, too many of them, or no such dialect.
    """
    if not tables:
        raise CopilotError("There is no table to write a grammar for.", "Give a warehouse with tables.")
    if len(tables) > MAX_TABLES:
        hint = "Ask about a part of the warehouse; retrieval shows the model far fewer."
        raise CopilotError(f"A grammar takes at most {MAX_TABLES} tables; these are {len(tables)}.", hint)
    if dialect not in ("duckdb", "snowflake"):
        raise CopilotError(f"There is no grammar for {dialect!r}.", "There is one for duckdb and for snowflake.")
    return _written(tuple(_names(table) for table in tables), dialect, held)


def grammar_key(grammar: str) -> str:
    """A short hash of a grammar: the same for the same schema and dialect."""
    return hashlib.sha256(grammar.encode()).hexdigest()[:16]


def _names(table: Table) -> tuple[tuple[str, ...], tuple[str, ...]]:
    parts = tuple(part for part in (table.database, table.schema_name, table.name) if part)
    return parts, tuple(column.name for column in table.columns)


@lru_cache(maxsize=64)
def _written(tables: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...], dialect: str, held: bool) -> str:
    compared = [[name if dialect == "snowflake" else name.lower() for name in columns] for _, columns in tables]
    where = layout(compared) if held else loose(len(tables))
    rules = _rules(where, dialect)
    regexes = {name: _in_any_case(regex) for name, regex in (keywords(rules) | terminals(dialect)).items()}
    for index, (path, _) in enumerate(tables):
        for kind, name in zip(("T", "IN_SCHEMA", "IN_DATABASE"), reversed(path), strict=False):
            regexes[f"{kind}{index}"] = GAP + name_regex(name, dialect)
    regexes |= _columns([columns for _, columns in tables], compared, where, dialect)
    for index in (i for i, (path, _) in enumerate(tables) if len(path) < 3):
        rules = re.sub(rf"\n  \| IN_DATABASE{index} .*", "", rules)
    used = {name for name in re.findall(r"\b[A-Z][A-Z0-9_]*\b", rules)}
    lines = [f"{name}: {slashed(regex)}" for name, regex in regexes.items() if name in used]
    own = _own_names([path[-1] for path, _ in tables], [name for _, columns in tables for name in columns], dialect)
    return HEAD + rules + "\n".join([*lines, *own]) + "\n"


def _columns(
    columns: Sequence[Sequence[str]], compared: Sequence[Sequence[str]], where: Layout, dialect: str
) -> dict[str, str]:
    """The terminals of columns: all of table 3 (`C3`), those of it that have no bit of their own (`N3`), and those that have."""
    shared: dict[str, list[str]] = {f"W{i}": [] for i in range(len(where.common))}
    terminal = {held: f"W{i}" for i, held in enumerate(where.common)}
    with_bit = {held for held, _ in where.shared}
    holders = holders_of(compared)
    found: dict[str, str] = {}
    for index, names in enumerate(columns):
        own = []
        for name, same in zip(names, compared[index], strict=True):
            shared.get(terminal.get(holders[same], ""), []).append(name)
            own += [name] if holders[same] not in with_bit else []
        found |= {f"C{index}": _one_of(names, dialect), f"N{index}": _one_of(own, dialect)}
    return found | {name: _one_of(names, dialect) for name, names in shared.items()}


def _one_of(names: Sequence[str], dialect: str) -> str:
    return f"{GAP}(?:{any_of(name_regex(name, dialect) for name in names)})"


@lru_cache(maxsize=64)
def _rules(where: Layout, dialect: str) -> str:
    """The rules of the template: a line an alternative, all marks filled in."""
    tables = list(enumerate(of_table(where, index) for index in range(len(where.own))))
    shared = list(enumerate(of_shared(where, index) for index in range(len(where.shared))))
    rules = []
    for head, kept in _template(dialect, "exact" if where.exact else "loose"):
        for number, table in tables if "@" in head else [(0, {})]:
            written = [_filled(a, "@", number, table) for a in kept] if "@" in head else kept
            marks = {"@": tables, "&": shared, "+": in_common(where, number) if "@" in head else []}
            repeated = [again for a in written for again in _repeated(a, marks)]
            alternatives = [leveled for a in repeated for leveled in where.stack.expanded(a)]
            if alternatives:
                rules.append(f"{_filled(head, '@', number, table)} {JOIN.join(alternatives)}")
    copies = [rule.replace("~", copy) for rule in rules for copy in (("", "_any") if "~" in rule else ("",))]
    fixed = places(where, dialect)
    placed = [PLACE.sub(lambda m: fixed[m[1]], rule) for rule in copies]
    known = [rule.replace(f"bit_set({ABSENT})", NEVER).replace(f"bit_clear({ABSENT})", ALWAYS) for rule in placed]
    return _kept_apart("\n".join(_reached(known)) + "\n")


@lru_cache(maxsize=4)
def _template(*kinds: str) -> list[tuple[str, list[str]]]:
    """The rules of the template that are of these kinds, each with its alternatives."""
    text = files("sql_tools.grammar").joinpath("select.lark").read_text()
    return [
        (head, [MARK.sub("", a) for a in re.split(r"\n *\| +", body.strip()) if set(kinds).issuperset(MARK.findall(a))])
        for head, body in RULE.findall(text)
    ]


def _repeated(alternative: str, marks: dict[str, list[tuple[int, dict[str, str]]]]) -> Iterator[str]:
    """The alternative once for each table, or for each name that many have, if it speaks of one."""
    for mark, filled in marks.items():
        if mark in alternative:
            for number, one in filled:
                if "NO" in one or not re.search(r"\bN@", alternative):
                    yield _filled(alternative, mark, number, one)
            return
    yield alternative


def _filled(text: str, mark: str, number: int, named: dict[str, str]) -> str:
    return re.sub(rf"\$([A-Z_]+){re.escape(mark)}", lambda m: named[m[1]], text).replace(mark, str(number))


def _reached(rules: list[str]) -> list[str]:
    """The rules that `start` leads to."""
    named = {rule.split(":")[0].strip(): rule for rule in rules}
    reached, ahead = {"start"}, ["start"]
    while ahead:
        found = {word for word in re.findall(r"[a-z_0-9]+", named[ahead.pop()]) if word in named}
        ahead += sorted(found - reached)
        reached |= found
    return [rule for name, rule in named.items() if name in reached]


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
    return _in_any_case(quoted if needs_quotes(name, dialect) else f"(?:(?i:{escape(name)})|{quoted})")


def slashed(regex: str) -> str:
    """The regex as Lark writes it."""
    return "/" + regex.replace("/", r"\/") + "/"


@lru_cache(maxsize=4096)
def _in_any_case(regex: str) -> str:
    """The regex with only `s` and `S` for the s in `(?i:s)`: to llguidance that is a long s too, and k a Kelvin sign."""
    out, stack = [], [False]
    for token in TOKEN.findall(regex):
        if token in ("(?i:", "(?:"):
            stack.append(stack[-1] or token == "(?i:")
        elif token == ")":
            stack.pop()
        out.append(f"(?-i:[{token.lower()}{token.upper()}])" if stack[-1] and token in "sSkK" else token)
    return "".join(out)


def any_of(regexes: Iterator[str]) -> str:
    """One of these; what matches nothing where there are none."""
    return "|".join(dict.fromkeys(regexes)) or r"[^\x00-\U0010FFFF]"


def escape(text: str) -> str:
    """The text as a regex that means it, in llguidance's syntax and in Python's."""
    return "".join(c if ORDINARY.match(c) or not c.isascii() else f"\\x{ord(c):02x}" for c in text)


def _own_names(tables: list[str], columns: list[str], dialect: str) -> list[str]:
    """The terminals of names the writer makes up: any (OUT_NAME), any that no table has (NAME), or no column (FREE)."""
    keywords = _in_any_case(f"(?i:{'|'.join(sorted(reserved(dialect)))})")
    taken, held = (any_of(name_regex(name, dialect) for name in names) for names in (tables, columns))
    bare, quoted = r"[A-Za-z_\u00C0-\uFFFF][A-Za-z0-9_\u00C0-\uFFFF]{0,60}", r"\"[^\"\x00-\x1f\x7f]{1,60}\""
    names = {"OUT_NAME": (GAP, keywords), "NAME": (GAP, f"{keywords}|{taken}")}
    names |= {f"BARE_{name}": (MUST, barred) for name, (_, barred) in names.items()}
    names["FREE"] = (GAP, f"{keywords}|{held}")
    return [
        "NIL: /a/ & /b/",
        *(
            f"{n}: {slashed(f'{space}(?:{bare}|{quoted})')} & ~{slashed(f'{space}(?:{no})')}"
            for n, (space, no) in names.items()
        ),
    ]
