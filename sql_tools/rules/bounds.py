"""Queries end: recursion has a bound, and no product of tables is larger than the limit.

Both are estimates from the tree and the tables' row counts: what they miss, the time limit stops.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sqlglot import exp
from sqlglot.errors import OptimizeError
from sqlglot.optimizer.scope import Scope, traverse_scope

from sql_tools.errors import InvalidSQLError
from sql_tools.models import Context
from sql_tools.query.conditions import parts_of
from sql_tools.query.identifiers import same
from sql_tools.query.tables import ctes_before, may_read_itself, tables_named

LESS = (exp.LT, exp.LTE)
STEPS = (exp.Add, exp.DateAdd, exp.TsOrDsAdd, exp.TimestampAdd)
UNKNOWN_ROWS = 1  # a source whose rows nobody counted
MAX_COLUMNS = 20_000
MAX_STEPS = 1_000_000  # of a recursion that counts up
Sizes = Mapping[str, int]  # rows of each stored table
Owners = Mapping[str, set[str]]  # columns of each stored table


@dataclass(frozen=True)
class Known:
    """What is known of sizes: stored tables by lower-case name, and CTEs that were estimated, by id."""

    stored: Sizes
    owners: Owners
    ctes: dict[int, int] = field(default_factory=dict)


def recursion_is_bounded(tree: exp.Expr, context: Context) -> str:
    """A CTE that reads itself counts up to a number, or collects distinct stored values; else it may never end."""
    found = 0
    for cte in tree.find_all(exp.CTE):
        if not (may_read_itself(cte, context.dialect) and _reads(cte.this, cte.alias)):
            continue
        found += 1
        if not (isinstance(cte.this, exp.Union) and (_counts_up(cte) or _collects_distinct(cte))):
            raise InvalidSQLError(
                f"{cte.alias} reads itself (WITH RECURSIVE) and may never end.",
                "Give it a column that counts up, and stop it: WHERE depth < 20.",
                rule="recursion_is_bounded",
            )
    return f"{found} recursive CTEs, each with a bound" if found else "nothing reads itself"


def _reads(query: exp.Expr, name: str) -> bool:
    return any(t.name.lower() == name.lower() and not t.db for t in query.find_all(exp.Table))


def _branches(query: exp.Expr) -> Iterator[exp.Select]:
    """The queries of a chain of set operations."""
    while isinstance(query, (exp.Subquery, exp.Paren)):
        query = query.this
    if isinstance(query, exp.SetOperation):
        yield from _branches(query.left)
        yield from _branches(query.right)
    elif isinstance(query, exp.Select):
        yield query


def _counts_up(cte: exp.CTE) -> bool:
    """In every branch that reads the CTE: `n + 1 AS n` among the outputs, and `n < 20` in WHERE or a join."""
    branches = list(_branches(cte.this))
    if len(branches) < 2:
        return False
    names = cte.alias_column_names or [output.alias_or_name for output in branches[0].selects]
    return all(_stops(branch, names) for branch in branches if _reads(branch, cte.alias))


def _stops(branch: exp.Select, names: list[str]) -> bool:
    """Does an output grow or shrink by a fixed step, and WHERE stop it?"""
    steps = {
        name.lower(): step for name, output in zip(names, branch.selects, strict=False) if (step := _step(output, name))
    }
    return any(
        _counts(side, steps, way) and _is_near(limit)
        for part in _conjuncts(branch)
        for side, limit, way in _sides(part)
    )


def _step(output: exp.Expr, name: str) -> str:
    """`up` for `n + 1 AS n` and `n * 2`, `down` for `n - 1`; empty for anything else."""
    step = _plain(output.unalias())
    if not isinstance(step, (*STEPS, exp.Sub, exp.DateSub, exp.Mul)) or _plain(step.this).name.lower() != name.lower():
        return ""
    size = _number(step.expression)
    if isinstance(step, exp.Mul):
        return "up" if size > 1 else ""
    if not (isinstance(step.expression, exp.Interval) or size > 0):
        return ""
    return "down" if isinstance(step, (exp.Sub, exp.DateSub)) else "up"


def _plain(node: exp.Expr) -> exp.Expr:
    """Without brackets and casts."""
    while isinstance(node, (exp.Paren, exp.Cast)):
        node = node.this
    return node


def _sides(part: exp.Expr) -> Iterator[tuple[exp.Expr, exp.Expr, str]]:
    """What is compared, with what, and which way of counting that stops."""
    for kinds, way, other in ((LESS, "up", "down"), ((exp.GT, exp.GTE), "down", "up")):
        if isinstance(part, kinds):
            yield part.this, part.expression, way
            yield part.expression, part.this, other


def _counts(side: exp.Expr, steps: Mapping[str, str], way: str) -> bool:
    """Is it a counter that goes this way, or its next value?"""
    side = _plain(side)
    if isinstance(side, (*STEPS, exp.Sub, exp.Mul)):
        side = _plain(side.this)
    return isinstance(side, exp.Column) and steps.get(side.name.lower()) == way


def _is_near(limit: exp.Expr) -> bool:
    """Is the end of the counting a fixed value, and a number small enough? A date or an expression has no number."""
    return not limit.find(exp.Column) and not _number(limit) > MAX_STEPS


def _number(node: exp.Expr) -> float:
    """The value of a literal number; not a number for all else."""
    try:
        return float(node.name) if isinstance(node, exp.Literal) and not node.is_string else math.nan
    except ValueError:
        return math.nan


def _conjuncts(branch: exp.Select) -> Iterator[exp.Expr]:
    """What must hold for every row: the parts of WHERE and of inner joins' ON."""
    conditions = [branch.args["where"].this] if branch.args.get("where") else []
    conditions += [j.args["on"] for j in branch.args.get("joins") or () if j.args.get("on") and not j.side]
    for condition in conditions:
        yield from condition.flatten() if isinstance(condition, exp.And) else (condition,)


def _collects_distinct(cte: exp.CTE) -> bool:
    """UNION without ALL over plain columns: the values are those stored, and each comes once."""
    chain = [node for node in cte.this.find_all(exp.SetOperation) if node.find_ancestor(exp.CTE) is cte]
    return all(node.args.get("distinct") for node in chain) and all(
        isinstance(output.unalias(), (exp.Column, exp.Literal))
        for branch in _branches(cte.this)
        for output in branch.selects
    )


def columns_are_few(tree: exp.Expr, context: Context) -> str:
    """No query in it has more than MAX_COLUMNS columns: stars over stars double them with each CTE."""
    known: dict[int, int] = {}
    try:
        scopes = traverse_scope(tree)
    except OptimizeError:  # names too tangled for a scope; no star is expanded then
        return "no scope to count in"
    widest = max((_width(scope, context, known) for scope in scopes), default=0)
    return f"at most {widest:,} columns"


def _width(source: exp.Expr | Scope, context: Context, known: dict[int, int]) -> int:
    """The columns of a table or a query; 1 where it cannot be told. InvalidSQLError past MAX_COLUMNS."""
    if not isinstance(source, Scope):
        meant = tables_named(source.name, context.catalog) if isinstance(source, exp.Table) else ()
        return max((len(table.columns) for table in meant), default=1)
    if id(source) not in known:
        known[id(source)] = 1  # while it is looked at: it may read itself
        width = sum(_widths(source, context, known))
        if width > MAX_COLUMNS:
            words = f"A query in it gives more than {MAX_COLUMNS:,} columns."
            raise InvalidSQLError(words, "Name the columns that are wanted.", rule="columns_are_few")
        known[id(source)] = width
    return known[id(source)]


def _widths(scope: Scope, context: Context, known: dict[int, int]) -> Iterator[int]:
    inner = scope.set_operation_scopes[0] if scope.set_operation_scopes else scope
    for select in _selects(scope.expression):
        wanted = select.table if isinstance(select, exp.Column) else ""
        sources = inner.selected_sources.items() if select.is_star else ()
        yield sum(_width(s, context, known) for name, (_, s) in sources if not wanted or same(wanted, name)) or 1


def _selects(query: exp.Expr) -> list[exp.Expr]:
    try:
        return list(query.selects) if isinstance(query, exp.Query) else []
    except AssertionError:  # brackets around what is no query
        return []


def products_are_small(tree: exp.Expr, context: Context) -> str:
    """Tables that no condition ties together multiply: the estimate stays under the limit in every SELECT."""
    named = [t for node in tree.find_all(exp.Table) for t in tables_named(node.name, context.catalog)]
    stored = {table.name.lower(): table.row_count or UNKNOWN_ROWS for table in named}
    owners = {table.name.lower(): {c.name.lower() for c in table.columns} for table in named}
    known = Known(stored, owners)
    largest = 0
    for select in tree.find_all(exp.Select):
        groups = _groups(select, known)
        rows = math.prod(groups)
        multiplied = sum(size > 1 for size in groups) > 1 or (len(groups) == 1 and _makes_rows(select))
        largest = max(largest, rows)
        if multiplied and rows > context.limits.max_join_rows:
            raise InvalidSQLError(
                f"This makes about {rows:,} rows, over the limit of {context.limits.max_join_rows:,}.",
                "Join the tables on their keys, or raise ARCTIC_COPILOT_MAX_JOIN_ROWS.",
                rule="products_are_small",
            )
    return f"at most about {largest:,} rows before filters"


def _makes_rows(select: exp.Select) -> bool:
    if (from_ := select.args.get("from_")) is None:
        return False
    source = from_.this
    return not isinstance(source, exp.Subquery) and source.find(exp.GenerateSeries) is not None


def _groups(select: exp.Select, known: Known) -> list[int]:
    """Rows of each group of sources that conditions tie together, a group counted as its largest; groups multiply."""
    source = select.args.get("from_")
    if source is None:
        return [1]
    joins = select.args.get("joins") or []
    sources = [source.this, *(join.this for join in joins)]
    names = [s.alias_or_name.lower() for s in sources]
    columns = [known.owners.get(s.name.lower(), set()) if isinstance(s, exp.Table) else set() for s in sources]
    group = list(range(len(sources)))
    for index, join in enumerate(joins, start=1):
        if join.args.get("using") or join.method or not isinstance(join.this, (exp.Table, exp.Subquery)):
            _tie(group, index, index - 1)
    conditions = [join.args["on"] for join in joins if join.args.get("on")]
    conditions += [select.args["where"].this] if select.args.get("where") else []
    for part in (part for condition in conditions for part in parts_of(condition)):
        if isinstance(part, exp.Or):  # one side may hold for all rows
            continue
        for equal in part.find_all(exp.EQ, exp.NullSafeEQ):
            left, right = (_owners(side, names, columns) for side in (equal.this, equal.expression))
            if left and not left & right:  # f(a, b) = 3 ties nothing
                for other in right:
                    _tie(group, min(left), other)
    sizes = [_rows(s, known) for s in sources]
    return [max(size for size, g in zip(sizes, group, strict=True) if g == root) for root in set(group)]


def _tie(group: list[int], one: int, other: int) -> None:
    old, new = group[other], group[one]
    group[:] = [new if g == old else g for g in group]


def _owners(side: exp.Expr, names: list[str], columns: list[set[str]]) -> set[int]:
    """Which sources the columns of one side belong to, as far as that can be told."""
    found = set()
    for column in side.find_all(exp.Column):
        if column.table:
            found |= {i for i, name in enumerate(names) if name == column.table.lower()}
        else:
            found |= set([i for i, known in enumerate(columns) if column.name.lower() in known][:1])
    return found


def _rows(source: exp.Expr, known: Known) -> int:
    """About how many rows one source has before filters."""
    series = source.find(exp.GenerateSeries)
    if series is not None and not isinstance(source, exp.Subquery):
        return _steps(series)
    if isinstance(source, exp.Table):
        return _cte_rows(source, known) or max(1, known.stored.get(source.name.lower(), UNKNOWN_ROWS))
    return _query_rows(source.this, known) if isinstance(source, exp.Subquery) else UNKNOWN_ROWS


def _cte_rows(table: exp.Table, known: Known) -> int:
    """About how many rows the CTE has that a name stands for; 0 if it stands for none."""
    cte = next((c for c in reversed(ctes_before(table)) if same(c.alias, table.name)), None) if not table.db else None
    if cte is None:
        return 0
    if id(cte) not in known.ctes:
        known.ctes[id(cte)] = UNKNOWN_ROWS  # while it is looked at: it may read itself
        known.ctes[id(cte)] = _query_rows(cte.this, known)
    return known.ctes[id(cte)]


def _query_rows(inner: exp.Expr, known: Known) -> int:
    """About how many rows a query gives before filters."""
    if isinstance(inner, exp.SetOperation):
        return _query_rows(inner.left, known) + _query_rows(inner.right, known)
    if isinstance(inner, (exp.Subquery, exp.Paren)):
        return _query_rows(inner.this, known)
    if not isinstance(inner, exp.Select):
        return UNKNOWN_ROWS
    limit = inner.args.get("limit")
    if limit is not None and isinstance(limit.expression, exp.Literal) and limit.expression.is_int:
        return max(1, int(limit.expression.name))
    if not inner.args.get("group") and any(o.find(exp.AggFunc) and not o.find(exp.Window) for o in inner.selects):
        return 1
    return math.prod(_groups(inner, known))


def _steps(series: exp.GenerateSeries) -> int:
    """Rows of a series of literal numbers."""
    bounds = [series.args.get(key) for key in ("start", "end")]
    numbers = [int(b.name) for b in bounds if isinstance(b, exp.Literal) and b.is_int]
    return max(1, max(numbers) - min(0, *numbers)) if numbers else UNKNOWN_ROWS
