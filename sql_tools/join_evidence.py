"""Query -> its joins, each with its key, who vouches for it, and the rows before and after, counted on the data."""

from collections.abc import Iterator

from sqlglot import exp

from sql_tools.join_keys import equated, followed_key, sources_of, stored_tables
from sql_tools.models import Context, JoinUsed, KeyPair, Table
from sql_tools.probe import Probe

MAX_ROWS_COUNTED = 1_000_000  # counting stops there, and says not known
MAX_JOINS_COUNTED = 12


def join_evidence(tree: exp.Expr, context: Context, probe: Probe) -> tuple[JoinUsed, ...]:
    """Every join of the query, in the order written; the data is asked for as long as `probe` has time."""
    found: list[JoinUsed] = []
    for select in tree.find_all(exp.Select):
        joins = select.args.get("joins") or []
        if joins:
            rows = _rows(select, probe) if len(found) < MAX_JOINS_COUNTED else []
            for at, join in enumerate(joins):
                before, after = rows[at : at + 2] if len(rows) > at + 1 else (None, None)
                used = _describe(select, at, join, context, probe)
                found.append(used.model_copy(update={"rows_before": before, "rows_after": after}))
    return tuple(found)


def _describe(select: exp.Select, at: int, join: exp.Join, context: Context, probe: Probe) -> JoinUsed:
    tables = stored_tables(select, context)
    shown = {node.alias_or_name.casefold(): _shown(node, tables) for node in sources_of(select)}
    right = join.this.alias_or_name.casefold()
    pairs = [_outward(pair, right) for pair in equated(join.args.get("on")) or []]
    key = followed_key(pairs, tables) if pairs else None
    on, using = join.args.get("on"), join.args.get("using") or []
    condition = on.sql(dialect=context.dialect, comments=False) if on is not None else ""
    return JoinUsed(
        left=", ".join(_shown(node, tables) for node in sources_of(select)[: at + 1]),
        right=shown[right],
        kind=_kind(join),
        condition=condition or (f"USING ({', '.join(column.name for column in using)})" if using else ""),
        keys=tuple(KeyPair(left=_written(a, shown), right=_written(b, shown)) for a, b in pairs),
        key="none" if key is None else "declared" if key.declared else "inferred",
        left_unique=_unique([a for a, _ in pairs], tables, probe),
        right_unique=_unique([b for _, b in pairs], tables, probe),
    )


def _kind(join: exp.Join) -> str:
    words = " ".join(filter(None, (join.method, join.side, join.kind))).lower()
    plain = join.args.get("on") is None and not join.args.get("using")
    return words or ("cross" if plain else "inner")


def _shown(node: exp.Expr, tables: dict[str, Table]) -> str:
    table = tables.get(node.alias_or_name.casefold())
    return ".".join(table.path) if table else node.alias_or_name or "a subquery"


def _outward(pair: tuple[exp.Column, exp.Column], right: str) -> tuple[exp.Column, exp.Column]:
    """The pair with the joined table's column last."""
    return (pair[1], pair[0]) if pair[0].table.casefold() == right else pair


def _written(column: exp.Column, shown: dict[str, str]) -> str:
    return f"{shown.get(column.table.casefold(), column.table)}.{column.name}"


def _unique(columns: list[exp.Column], tables: dict[str, Table], probe: Probe) -> bool | None:
    """Do these columns of one stored table never repeat? By its primary key, else by looking."""
    homes = {column.table.casefold() for column in columns}
    table = tables.get(next(iter(homes))) if len(homes) == 1 else None
    if table is None:
        return None
    names = frozenset(column.name.lower() for column in columns)
    if table.primary_key and {name.lower() for name in table.primary_key} <= names:
        return True
    return probe.unique(table, names)


def _rows(select: exp.Select, probe: Probe) -> list[int | None]:
    """Rows of the first source, and after each join; one query. Empty if it could not be had in time."""
    steps = len(select.args["joins"]) + 1
    counts = [exp.Subquery(this=_count(select, step)) for step in range(min(steps, MAX_JOINS_COUNTED + 1))]
    query = exp.select(*counts)
    if ctes := [cte.copy() for cte in _ctes_before(select)]:
        query.set("with_", exp.With(expressions=ctes))
    result = probe.run(query)
    if result is None or not result.rows:
        return []
    return [count if count <= MAX_ROWS_COUNTED else None for count in result.rows[0]]


def _count(select: exp.Select, joins: int) -> exp.Select:
    rows = exp.select("1").limit(MAX_ROWS_COUNTED + 1)
    rows.set("from_", select.args["from_"].copy())
    rows.set("joins", [join.copy() for join in select.args["joins"][:joins]])
    return exp.select(exp.Count(this=exp.Star())).from_(
        exp.Subquery(this=rows, alias=exp.TableAlias(this=exp.to_identifier("r")))
    )


def _ctes_before(select: exp.Select) -> Iterator[exp.Expr]:
    """The CTEs this query may name, outermost first."""
    around: list[exp.Expr] = [select]
    while around[-1].parent is not None:
        around.append(around[-1].parent)
    inside = {id(node) for node in around}
    for node in reversed(around):
        with_ = node.args.get("with_")
        for cte in with_.expressions if with_ is not None else []:
            if id(cte) in inside:
                break
            yield cte
