"""What the names of a sampled statement mean: those of tables and columns as SQL finds them, the writer's own drawn from what is there."""

import random
import re
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokens import TokenType

from sql_tools.models import Table

MADE_UP = re.compile(r"n[0-9]+\Z", re.I)


class Source(NamedTuple):
    """What FROM names: what may stand before a dot, its columns, whether that is a table's own name, and whether the writer
    named the columns."""

    name: str
    columns: tuple[str, ...]
    bare: bool
    made: bool


Scope = tuple[Source, ...]
Outputs = dict[str, tuple[str, ...]]


class Names:
    """Gives the writer's own names of one statement a meaning, where there is one: aliases, names of CTEs and of columns of
    theirs and of subqueries, which in the sample are n1, n2, ... or, where the grammar takes a column's name for one, any of the
    schema's. What SQL names is left as it is. `unresolved` counts names without a meaning, by kind; `ambiguous` those with two.
    """

    def __init__(
        self, tables: tuple[Table, ...], rng: random.Random, outputs: Callable[[str], list[str]], sql: str
    ) -> None:
        self.tables = {t.name.lower(): tuple(c.name.lower() for c in t.columns) for t in tables}
        self.known = {name for names in self.tables.values() for name in names}
        self.rng, self.outputs, self.sql = rng, outputs, sql
        self.tokens = list(sqlglot.tokenize(sql, read="duckdb"))
        self.unresolved, self.ambiguous = Counter[str](), 0
        self.chosen: dict[tuple[int, int], str] = {}  # where a name was chosen for one of the writer's own, and which

    def resolve(self, tree: exp.Expr, outer: Scope = (), ctes: Outputs | None = None) -> tuple[str, ...]:
        """The names of a query's columns, all names in it bound on the way."""
        ctes = dict(ctes or {})
        for cte in tree.args["with_"].expressions if tree.args.get("with_") else []:
            query = cte.this.sql("duckdb")
            columns = self.resolve(cte.this, (), ctes) or self._unnamed(query)
            listed = tuple(c.name.lower() for c in cte.args["alias"].columns)
            ctes[cte.alias.lower()] = listed[: len(columns)] + columns[len(listed) :]
        if isinstance(tree, exp.Subquery):
            return self.resolve(tree.this, outer, ctes)
        if isinstance(tree, exp.SetOperation):
            left, right = self.resolve(tree.left, outer, ctes), self.resolve(tree.right, outer, ctes)
            if order := tree.args.get("order"):
                self._visit(order, (), (), ctes, (*left, *right))
            return left
        return self._select(tree, outer, ctes)

    def written(self, sql: str, low: int = 0, high: int | None = None) -> str:
        """The statement, or a part of it, with the names chosen."""
        high = len(sql) if high is None else high
        text = sql[low:high]
        for (start, end), name in sorted(self.chosen.items(), reverse=True):
            if low <= start < high:
                chosen = exp.to_identifier(name, quoted=not MADE_UP.match(name)).sql("duckdb")
                text = text[: start - low] + chosen + text[end + 1 - low :]
        return text

    def _choose(self, node: exp.Expr, part: str, name: str) -> None:
        """This name for what stands there."""
        meta = node.args[part].meta
        self.chosen[meta["start"], meta["end"]] = name
        node.set(part, exp.to_identifier(name, quoted=True))

    def _select(self, select: exp.Expr, outer: Scope, ctes: Outputs) -> tuple[str, ...]:
        own: Scope = ()
        first = select.args.get("from_")
        for part in [first, *(select.args.get("joins") or [])] if first else []:
            own += (self._source(part.this, own, outer, ctes),)
            if part.args.get("on"):
                self._visit(part.args["on"], own, outer, ctes)
            for key in part.args.get("using") or []:
                self._key(key, own)
        given = tuple(e.alias.lower() for e in select.expressions if e.args.get("alias"))
        for name, value in select.args.items():
            if name not in ("from_", "joins", "with_"):
                for part in value if isinstance(value, list) else [value]:
                    late = name in ("group", "having", "qualify", "order")
                    self._visit(part, own, outer, ctes, given if late else ())
        named = [_outputs(item, own) for item in select.expressions]
        return tuple(name for names in named for name in names if name)

    def _unnamed(self, query: str) -> tuple[str, ...]:
        """The names DuckDB gives the columns of a query in brackets: found in the statement, and asked in its very words."""
        for start in (i for i, token in enumerate(self.tokens) if token.token_type == TokenType.L_PAREN):
            depth, end = 1, start
            while depth:
                end += 1
                kind = self.tokens[end].token_type
                depth += (kind == TokenType.L_PAREN) - (kind == TokenType.R_PAREN)
            low, high = self.tokens[start].start + 1, self.tokens[end].start
            try:
                same = sqlglot.parse_one(self.sql[low:high], read="duckdb").sql("duckdb") == query
            except SqlglotError:
                continue
            if same:
                return tuple(self.outputs(self.written(self.sql, low, high))) or ("refused",)
        return ()

    def _source(self, source: exp.Expr, own: Scope, outer: Scope, ctes: Outputs) -> Source:
        alias = source.alias.lower()
        if isinstance(source, exp.Subquery):
            unnamed = sum(s.name.startswith("unnamed_subquery") for s in own)
            query = source.this.sql("duckdb")
            columns = self.resolve(source.this, own + outer, ctes) or self._unnamed(query)
            return Source(alias or f"unnamed_subquery{unnamed + 1 if unnamed else ''}", columns, bare=False, made=True)
        name = source.name.lower()
        if name in self.tables:
            return Source(alias or name, self.tables[name], bare=not alias, made=False)
        if not ctes:
            self.unresolved["no CTE of that name"] += 1
            return Source(alias or name, (), bare=False, made=True)
        chosen = self.rng.choice(sorted(ctes))
        self._choose(source, "this", chosen)
        return Source(alias or chosen, ctes[chosen], bare=False, made=True)

    def _key(self, key: exp.Expr, own: Scope) -> None:
        """A column of USING, which has to be on both sides."""
        if key.name.lower() not in {name for source in own[:-1] for name in source.columns}.intersection(
            own[-1].columns
        ):
            self.unresolved["no such column on both sides of USING"] += 1

    def _visit(self, node: Any, own: Scope, outer: Scope, ctes: Outputs, given: tuple[str, ...] = ()) -> None:
        if not isinstance(node, exp.Expression):
            return
        if isinstance(node, exp.Query):
            self.resolve(node, own + outer, ctes)
        elif isinstance(node, exp.Column):
            self._column(node, own, outer, given)
        else:
            for child in list(node.iter_expressions()):
                self._visit(child, own, outer, ctes, given)

    def _column(self, column: exp.Column, own: Scope, outer: Scope, given: tuple[str, ...]) -> None:
        name, before = column.name.lower(), column.table.lower()
        free, free_before = MADE_UP.match(name) is not None, MADE_UP.match(before) is not None
        levels = [[s for s in level if self._may_be(s, before, free_before)] for level in (own, outer)]
        if isinstance(column.this, exp.Star):
            options = [(source, "*") for source in levels[0]]
        elif free:
            options = [(s, c) for level in levels for s in level if s.made for c in s.columns]
            options += [(None, alias) for alias in given if not before]
        elif name in given and not before:
            return
        else:
            found = ([(s, name) for s in level if name in s.columns] for level in levels)
            options = next((there for there in found if there), [])
        if not options and (free_before or not before):
            options = [(s, c) for level in levels for s in level if s.made for c in s.columns if c in self.known]
        if not options:
            kind = "no column of the writer's own" if free else "its table is not in FROM"
            self.unresolved["nothing of that name before the dot" if before and not any(levels) else kind] += 1
            return
        source, chosen = self.rng.choice(options)
        if chosen not in (name, "*"):
            self._choose(column, "this", chosen)
        if free_before and source:
            self._choose(column, "table", source.name)
        self.ambiguous += not before and sum(chosen in s.columns for s in own) > 1

    def _may_be(self, source: Source, before: str, free: bool) -> bool:
        """Whether what stands before the dot can be this source."""
        return not before or (not source.bare if free else source.bare and source.name == before)


def _outputs(item: exp.Expr, own: Scope) -> tuple[str, ...]:
    """The names that an item of a SELECT list gives its columns, where it gives them names."""
    if item.is_star:
        of = item.table.lower() if isinstance(item, exp.Column) else ""
        return tuple(name for source in own if of in ("", source.name) for name in source.columns)
    return (item.alias_or_name.lower() if isinstance(item, (exp.Alias, exp.Column)) else "",)
