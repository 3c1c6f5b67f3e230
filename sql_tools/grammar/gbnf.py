"""The grammar as GBNF, for engines that have only that: the same rules with less scope.

GBNF has no parameters, so a column may be any table's, and GROUP BY and ORDER BY may name an alias nobody gave. Columns of
the writer's own (of a CTE, of a subquery in FROM) would be any name at all, so WITH and such columns are left out. It has no
negation either: a made-up alias may be a keyword. Names of tables, columns and functions stay bound to the schema's.
"""

import re
from collections.abc import Sequence

from sql_tools.grammar.lark import lark_grammar
from sql_tools.grammar.scope import CTES, DERIVED
from sql_tools.models import Table

RULE = re.compile(r"^([a-z_0-9]+)(?:::_)? *:((?:.*\n(?!\S))*.*)$", re.M)
TERMINAL = re.compile(r"^([A-Z][A-Z0-9_]*): /((?:\\.|[^/\\])*)/", re.M)
FREE = re.compile(rf"^.*(?:%if .*bit_set\((?:{DERIVED}|{CTES})\)|P_WITH with).*$\n?", re.M)
BEYOND_ASCII = r"\u00C0-\uFFFF"  # written differently by each reader of GBNF
CONDITION = re.compile(r" %if .*$", re.M)
PARAMETER = re.compile(r"::(?:\w+\([^)]*\)|\w+)")


def gbnf_grammar(tables: Sequence[Table], dialect: str) -> str:
    """The grammar of these tables as GBNF text; the start is `root`. Raises as `lark_grammar` does."""
    lark = lark_grammar(tables, dialect, held=False)
    first_terminal = TERMINAL.search(lark)
    rules = lark[: first_terminal.start()] if first_terminal else lark
    plain = PARAMETER.sub("", CONDITION.sub("", FREE.sub("", rules)))
    written = [f"{_name(m[1])} ::= {_alternatives(m[2])}" for m in RULE.finditer(plain)]
    return (
        "\n".join([*written, *(f"{_name(m[1])} ::= {_regex(m[2])}" for m in TERMINAL.finditer(lark) if m[1] != "NIL")])
        + "\n"
    )


def _name(symbol: str) -> str:
    return "root" if symbol == "start" else symbol.replace("_", "-")


def _alternatives(body: str) -> str:
    """A rule's right side: one line, nothing twice; what is left of a NIL goes."""
    lines = [re.sub(r"\bNIL\b\?? ?", "", line).strip() for line in re.split(r"\n *\| ", body)]
    kept = dict.fromkeys(line for line in lines if line)
    return " | ".join(re.sub(r"[A-Za-z_]\w*", lambda m: _name(m[0]), line) for line in kept)


def _regex(regex: str) -> str:
    """A terminal's regex in GBNF: literals quoted, letters that may be of any case as classes of two."""
    out: list[str] = []
    any_case = [False]
    for token in re.findall(r"\(\?-?i:|\(\?:|\((?!\?)|\[(?:\\.|[^\]\\])*\]|\\x..|\\.|\{\d+(?:,\d*)?\}|.", regex, re.S):
        if token in ("(?i:", "(?-i:", "(?:", "("):
            any_case.append((any_case[-1] or token == "(?i:") and token != "(?-i:")
            out.append("(")
        elif token == ")":
            any_case.pop()
            out.append(")")
        elif token in ("|", "?", "*", "+") or token[0] in "[{":
            out.append(token.replace(BEYOND_ASCII, ""))
        else:
            out.append(_character(token, any_case=any_case[-1]))
    return re.sub(r" ([?*+{])", r"\1", " ".join(out))


def _character(token: str, *, any_case: bool) -> str:
    if token.startswith("\\x"):
        return f'"{token}"'
    char = token[-1]
    if any_case and char.lower() != char.upper():
        return f"[{char.lower()}{char.upper()}]"
    return '"' + {'"': '\\"', "\\": "\\\\"}.get(char, char) + '"'
