"""Query -> its joins, each with its key (declared, inferred or none) and the rows before and after it, counted on the data.

Tables after a comma are joined by what WHERE says of them, and described as if that stood in ON.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from sql_tools.models import Context, JoinUsed, KeyPair, Table
from sql_tools.query.join_keys import Pair, equated, followed_key, leaves_of, shared_pairs, tables_among, where_pairs
from sql_tools.query.tables import ctes_before
from sql_tools.warehouses.probe import Probe

MAX_ROWS_COUNTED = 1_000_000  # counting stops there, and says not known
MAX_JOINS_COUNTED = 12


@dataclass(frozen=True)
class Chain:
    """One FROM, or one bracket in it: what comes first, and the joins, each with its condition."""

    home: exp.Expr
    first: exp.Expr
    joins: tuple[exp.Join, ...]

    def before(self, at: int) -> list[exp.Expr]:
        """The sources that stand before the `at`-th join."""
        return [leaf for node in (self.first, *(join.this for join in self.joins[:at])) for leaf in leaves_of(node)]


def join_evidence(tree: exp.Expr, context: Context, probe: Probe) -> tuple[JoinUsed, ...]:
    """Every join of the query, outermost query first; the data is asked for as long as `probe` has time."""
    found: list[JoinUsed] = []
    for chain in _chains(tree):
        rows = _rows(chain, probe) if len(found) < MAX_JOINS_COUNTED else []
        for at in range(len(chain.joins)):
            before, after = rows[at : at + 2] if len(rows) > at + 1 else (None, None)
            used = _describe(chain, at, context, probe)
            found.append(used.model_copy(update={"rows_before": before, "rows_after": after}))
    return tuple(found)


def _chains(tree: exp.Expr) -> Iterator[Chain]:
    for node in tree.find_all(exp.Select, exp.Table):
        joins = node.args.get("joins") or []
        source = node if isinstance(node, exp.Table) else node.args.get("from_")
        if joins and source is not None:
            first = _alone(source) if isinstance(source, exp.Table) else source.this
            yield Chain(node, first, tuple(_with_condition(node, first, joins, at) for at in range(len(joins))))


def _alone(table: exp.Table) -> exp.Table:
    """The table without what is joined to it; it keeps its place, from which its name is looked up."""
    bare = exp.Table(**{key: value for key, value in table.args.items() if key != "joins"})
    bare = bare.copy()
    bare.parent = table.parent
    return bare


def _with_condition(home: exp.Expr, first: exp.Expr, joins: list[exp.Join], at: int) -> exp.Join:
    join = joins[at]
    if join.args.get("on") is not None or join.args.get("using") or join.side or join.method:
        return join
    if join.kind.upper() not in ("", "CROSS") or not isinstance(home, exp.Select):
        return join
    before = Chain(home, first, tuple(joins)).before(at)
    names = [leaf.alias_or_name.casefold() for leaf in before]
    met = where_pairs(home, names, [leaf.alias_or_name.casefold() for leaf in leaves_of(join.this)])
    if not met:
        return join
    joined = exp.Join(this=join.this.copy(), on=exp.and_(*met, copy=True))
    joined.parent = join.parent
    return joined


def _describe(chain: Chain, at: int, context: Context, probe: Probe) -> JoinUsed:
    join, before = chain.joins[at], chain.before(at)
    own = leaves_of(join.this)
    left, right = tables_among(before, context), tables_among(own, context)
    tables = left | right
    shown = _shown([*before, *own], tables)
    names = {leaf.alias_or_name.casefold() for leaf in own}
    pairs = [_outward(pair, names) for pair in equated(join.args.get("on")) or []] or shared_pairs(join, left, right)
    key = followed_key(pairs, tables) if pairs else None
    return JoinUsed(
        left=", ".join(_told(leaf, tables) for leaf in before),
        right=", ".join(_told(leaf, tables) for leaf in own),
        kind=_kind(join),
        condition=_condition(join, context.dialect),
        keys=tuple(KeyPair(left=_written(a, shown), right=_written(b, shown)) for a, b in pairs),
        key="none" if key is None else "declared" if key.declared else "inferred",
        left_unique=_unique([a for a, _ in pairs], tables, probe),
        right_unique=_unique([b for _, b in pairs], tables, probe),
    )


def _condition(join: exp.Join, dialect: str) -> str:
    on, using = join.args.get("on"), join.args.get("using") or []
    if on is not None:
        return str(on.sql(dialect=dialect, comments=False))
    return f"USING ({', '.join(column.name for column in using)})" if using else ""


def _kind(join: exp.Join) -> str:
    words = " ".join(filter(None, (join.method, join.side, join.kind))).lower()
    plain = join.args.get("on") is None and not join.args.get("using")
    return words or ("cross" if plain else "inner")


def _told(node: exp.Expr, tables: dict[str, Table]) -> str:
    table = tables.get(node.alias_or_name.casefold())
    return ".".join(table.path) if table else node.alias_or_name or "a subquery"


def _shown(leaves: list[exp.Expr], tables: dict[str, Table]) -> dict[str, str]:
    """Folded alias -> the table it stands for, or the alias where a table is joined with itself."""
    told = [_told(leaf, tables) for leaf in leaves]
    return {
        leaf.alias_or_name.casefold(): name if told.count(name) == 1 else leaf.alias_or_name
        for leaf, name in zip(leaves, told, strict=True)
    }


def _outward(pair: Pair, own: set[str]) -> Pair:
    """The pair with the joined table's column last."""
    return (pair[1], pair[0]) if pair[0].table.casefold() in own else pair


def _written(column: exp.Column, shown: dict[str, str]) -> str:
    return f"{shown.get(column.table.casefold(), column.table)}.{column.name}"


def _unique(columns: list[exp.Column], tables: dict[str, Table], probe: Probe) -> bool | None:
    """Do these columns of one stored table never repeat? By a primary key that the engine enforces, else by looking."""
    homes = {column.table.casefold() for column in columns}
    table = tables.get(next(iter(homes))) if len(homes) == 1 else None
    if table is None:
        return None
    names = frozenset(column.name.lower() for column in columns)
    enforced = probe.dialect == "duckdb"  # Snowflake declares keys and takes what breaks them
    if enforced and table.primary_key and {name.lower() for name in table.primary_key} <= names:
        return True
    return probe.unique(table, names)


def _rows(chain: Chain, probe: Probe) -> list[int | None]:
    """Rows of the first source, and after each join; one query. Empty if it could not be had in time."""
    steps = min(len(chain.joins), MAX_JOINS_COUNTED) + 1
    query = exp.select(*(exp.Subquery(this=_count(chain, step)) for step in range(steps)))
    if ctes := [cte.copy() for cte in ctes_before(chain.home)]:
        query.set("with_", exp.With(expressions=ctes))
    result = probe.run(query)
    if result is None or not result.rows:
        return []
    return [count if count <= MAX_ROWS_COUNTED else None for count in result.rows[0]]


def _count(chain: Chain, joins: int) -> exp.Select:
    rows = exp.select("1").limit(MAX_ROWS_COUNTED + 1)
    rows.set("from_", exp.From(this=chain.first.copy()))
    rows.set("joins", [join.copy() for join in chain.joins[:joins]])
    return exp.select(exp.Count(this=exp.Star())).from_(
        exp.Subquery(this=rows, alias=exp.TableAlias(this=exp.to_identifier("r")))
    )
