"""A SELECT over joins -> the same query with each row counted once: what the double-count alarm offers instead.

All aggregates of one table: FROM becomes the distinct rows of that table with the groups each is in, and the joins stay
inside as filters; where another table decides which rows a sum takes, the value is chosen inside as well. Aggregates of
several tables: each joined row is numbered among those of the same row of its table, and only number 1 counts.

    SELECT SUM(o.total) FROM orders o JOIN lines l ON l.order_id = o.id
    -> SELECT SUM(total) FROM (SELECT DISTINCT o.id, o.total FROM orders o JOIN lines l ON ...) AS counted_once

Nothing is offered where declared keys do not tell the rows apart.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from sql_tools.models import Context
from sql_tools.query.grain import Grain, grains, groups_of, joins_of, own
from sql_tools.query.identifiers import identifier


@dataclass(frozen=True)
class Measure:
    """An aggregate of a SELECT: the `index`-th of its own. `outer` is it with its FILTER; its value is from `aliases`,
    and rows of `deciding` say whether it counts."""

    index: int
    node: exp.Expr
    outer: exp.Expr
    aliases: frozenset[str]
    deciding: frozenset[str] = frozenset()
    is_plain: bool = True  # False: a running window or an ordered set, whose number over repeated rows is not measured

    @property
    def distinct(self) -> bool:
        """Is it of distinct values, as SUM(DISTINCT x)?"""
        return isinstance(self.node.this, exp.Distinct)

    @property
    def value(self) -> exp.Expr:
        """What is aggregated, NULL where the FILTER lets a row go."""
        if isinstance(self.node, exp.AnonymousAggFunc):
            first: exp.Expr = self.node.expressions[0]
            return first.copy()
        value = exp.Literal.number(1) if isinstance(self.node.this, (exp.Star, type(None))) else self.node.this.copy()
        value = value.expressions[0] if isinstance(value, exp.Distinct) else value
        value = value.this if isinstance(value, exp.Order) else value
        if isinstance(self.node, exp.CountIf):
            value = exp.case().when(value, exp.Literal.number(1))
        if isinstance(self.outer, exp.Filter):
            value = exp.case().when(self.outer.expression.this.copy(), value)
        return value


def keys_of(aliases: frozenset[str], grain: Grain, copied: exp.Select, dialect: str) -> list[exp.Expr]:
    """Columns that identify the rows of these sources; where one has no key, its rows are numbered in the FROM of `copied`."""
    keys: list[exp.Expr] = []
    for node in _nodes(copied):
        if node.alias_or_name.lower() in aliases:
            declared = _declared(node.alias_or_name.lower(), grain, dialect)
            keys += declared or [_number_rows(node)]
    return keys


def count_once(tree: exp.Expr, marked: list[tuple[int, list[Measure]]], context: Context) -> exp.Expr | None:
    """The statement in which the marked measures, by the position of their SELECT among `grains`, count rows once.

    None where one of them cannot be rewritten.
    """
    copy = tree.copy()
    found = list(grains(copy, context))
    for position, measures in marked:
        if not _rewrite(found[position], measures, context.dialect):
            return None
    return copy


def _rewrite(grain: Grain, marked: list[Measure], dialect: str) -> bool:
    groups = groups_of(grain)
    aggregates = own(grain.select, exp.AggFunc)
    picked = [aggregates[m.index] for m in marked if m.deciding]
    if groups is None or not _is_plain(grain) or not all(m.aliases for m in marked) or (picked and len(marked) > 1):
        return False
    aliases = {m.aliases for m in marked}
    keys = {a: k for a in aliases if (k := _all_declared(a, grain, dialect))}
    if len(keys) < len(aliases):
        return False
    rest = [node for n, node in enumerate(aggregates) if n not in {m.index for m in marked}]
    for node in (aggregates[m.index] for m in marked if m.distinct):
        node.set("this", node.this.expressions[0])
    inner = _Inner(grain, groups, dialect)
    if len(aliases) == 1 and all(_unmoved(node, grain, next(iter(aliases))) for node in rest):
        for key in keys[next(iter(aliases))]:
            inner.name(key)
        for node in picked:
            inner.name(_with_its_filter(node), "picked")
        inner.query = inner.query.distinct()
    elif picked:
        return False
    else:
        for number, one in enumerate(sorted(aliases, key=sorted)):
            counter = inner.count_within(keys[one], f"nth_{'_'.join(sorted(one))}" if number < 9 else "nth")
            for measure in marked:
                if measure.aliases == one:
                    _only_first(aggregates[measure.index], counter)
    inner.replace_from()
    return True


class _Inner:
    """The subquery that takes the place of FROM, joins and WHERE; its outputs are named as they are asked for."""

    def __init__(self, grain: Grain, groups: list[exp.Expr], dialect: str) -> None:
        self.grain, self.groups, self.dialect = grain, groups, dialect
        self.names: dict[str, str] = {}
        self.query = exp.Select()
        self.counters: list[str] = []
        self.aliases = {e.unalias().sql().lower(): e.alias for e in grain.select.expressions if e.alias}
        for group in groups:
            self.name(group)

    def name(self, e: exp.Expr, called: str = "grouped") -> exp.Column:
        """The output column that holds `e`, added if it is new; `called` where it has no name of its own."""
        text = e.sql().lower()
        if text not in self.names:
            self.names[text] = self._unused(e, called)
            self.query = self.query.select(exp.alias_(e.copy(), identifier(self.names[text], self.dialect)))
        return exp.column(identifier(self.names[text], self.dialect))

    def count_within(self, keys: list[exp.Expr], name: str) -> str:
        """The name of an output that numbers the joined rows of each row told by `keys`, group by group."""
        window = exp.Window(this=exp.RowNumber(), partition_by=[e.copy() for e in [*self.groups, *keys]])
        window.set("order", exp.Order(expressions=[exp.Ordered(this=keys[0].copy())]))
        self.query = self.query.select(exp.alias_(window, name))
        self.counters.append(name)
        return name

    def replace_from(self) -> None:
        """Put the subquery in FROM and every column outside it in terms of its outputs."""
        select = self.grain.select
        heads = [(e.alias_or_name, isinstance(e, exp.Column)) for e in select.expressions]
        outputs = [e.transform(self._outward) for e in select.expressions]
        outputs = [
            exp.alias_(e, identifier(name, self.dialect)) if was_column and e.alias_or_name != name else e
            for e, (name, was_column) in zip(outputs, heads, strict=True)
        ]
        group = [self.name(e) for e in self.groups]
        for key in ("having", "order"):
            if part := select.args.get(key):
                select.set(key, part.transform(self._outward))
        for key in ("from_", "joins", "where"):
            self.query.set(key, select.args.get(key))
            select.set(key, None)
        select.set("expressions", outputs)
        select.set("group", exp.Group(expressions=group) if group else None)
        select.set("from_", exp.From(this=self.query.subquery("counted_once")))

    def _outward(self, node: exp.Expr) -> exp.Expr:
        known = node.sql().lower() in self.names and not isinstance(node, exp.Literal)
        if known or (isinstance(node, exp.Column) and self.grain.home(node)):
            return self.name(node)
        return node

    def _unused(self, e: exp.Expr, called: str) -> str:
        taken = {name.lower() for name in [*self.names.values(), *self.counters]}
        plain = e.name if isinstance(e, exp.Column) else self.aliases.get(e.sql().lower()) or called
        longer = f"{e.table}_{e.name}" if isinstance(e, exp.Column) and e.table else plain
        tries = [plain, longer, *(f"{plain}_{n}" for n in range(2, 100))]
        return next(name for name in tries if name.lower() not in taken)


def _is_plain(grain: Grain) -> bool:
    """Are all its columns of this FROM, or names of outputs, and nothing in it a window, a subquery or a star?"""
    select = grain.select
    outputs = {e.alias.lower() for e in select.expressions if e.alias}
    parts = [*select.expressions, *(select.args[k] for k in ("having", "order") if select.args.get(k))]
    if select.args.get("qualify") or select.args.get("windows") or any(p.find(exp.Window, exp.Query) for p in parts):
        return False
    columns = [c for part in parts for c in part.find_all(exp.Column) if not isinstance(c.this, exp.Star)]
    inside = [c for k in ("from_", "where") if select.args.get(k) for c in select.args[k].find_all(exp.Column)]
    return all(grain.home(c) or (not c.table and c.name.lower() in outputs) for c in columns) and not any(
        c.table and not grain.home(c) and c.find_ancestor(exp.Select) is select for c in inside
    )


def _unmoved(aggregate: exp.Expr, grain: Grain, aliases: frozenset[str]) -> bool:
    """Does it stay the same when repeated rows go, being a MIN, MAX or DISTINCT of the tables that are kept?"""
    homes = {home[0] for c in aggregate.find_all(exp.Column) if (home := grain.home(c))}
    fixed = isinstance(aggregate, (exp.Min, exp.Max)) or aggregate.find(exp.Distinct) is not None
    return fixed and bool(homes) and homes <= aliases


def _with_its_filter(aggregate: exp.Expr) -> exp.Expr:
    """What is aggregated, the condition of its FILTER put into it: NULL where that lets a row go."""
    if isinstance(aggregate.parent, exp.Filter):
        outer = aggregate.parent
        aggregate.set("this", exp.case().when(outer.expression.this.copy(), aggregate.this.copy()))
        outer.replace(aggregate)
    value: exp.Expr = aggregate.this
    return value


def _only_first(aggregate: exp.Expr, counter: str) -> None:
    first = exp.EQ(this=exp.column(counter), expression=exp.Literal.number(1))
    aggregate.set("this", exp.case().when(first, aggregate.this.copy()))


def _nodes(select: exp.Select) -> Iterator[exp.Expr]:
    yield select.args["from_"].this
    yield from (join.this for join in joins_of(select))
    yield from select.args.get("laterals") or []


def _all_declared(aliases: frozenset[str], grain: Grain, dialect: str) -> list[exp.Expr]:
    """The keys of all these sources; empty if one has none."""
    keys = [_declared(alias, grain, dialect) for alias in sorted(aliases)]
    return [column for key in keys for column in key] if all(keys) else []


def _declared(alias: str, grain: Grain, dialect: str) -> list[exp.Expr]:
    source = grain.sources[alias]
    key = min(source.keys, key=len, default=frozenset[str]())
    node = next(n for n in _nodes(grain.select) if n.alias_or_name.lower() == alias)
    stored = {c.name.lower(): c.name for c in source.table.columns} if source.table else {}
    written = node.args["alias"].this.copy() if node.args.get("alias") else identifier(node.name, dialect)
    names = [identifier(stored.get(column, column), dialect) for column in sorted(key)]
    return [exp.Column(this=name, table=written.copy()) for name in names]


def _number_rows(node: exp.Expr) -> exp.Expr:
    """Wrap a source so that its rows are numbered; returns the number's column."""
    alias = node.args["alias"].this.copy() if node.args.get("alias") else node.this.copy()
    number = exp.Window(this=exp.RowNumber(), order=exp.Order(expressions=[exp.Ordered(this=exp.null())]))
    numbered = exp.select("*", exp.alias_(number, "row_number_")).from_(node.copy())
    node.replace(exp.Subquery(this=numbered, alias=exp.TableAlias(this=alias.copy())))
    return exp.Column(this=exp.to_identifier("row_number_"), table=alias)
