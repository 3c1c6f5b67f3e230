"""Which key a join follows: the columns its condition equates, and the foreign key, declared or inferred, that says so."""

from collections.abc import Mapping

from sqlglot import exp

from sql_tools.ctes import names_cte
from sql_tools.identifiers import same
from sql_tools.models import Context, ForeignKey, Table

Pair = tuple[exp.Column, exp.Column]


def sources_of(select: exp.Select) -> list[exp.Expr]:
    """What FROM and the joins name, in order."""
    source = select.args.get("from_")
    return [*([source.this] if source else []), *(join.this for join in select.args.get("joins") or [])]


def stored_tables(select: exp.Select, context: Context) -> dict[str, Table]:
    """Folded alias -> catalog table, for those of its sources that are one."""
    found: dict[str, Table] = {}
    for node in sources_of(select):
        table = stored_table(node, context)
        if table:
            found[node.alias_or_name.casefold()] = table
    return found


def stored_table(node: exp.Expr, context: Context) -> Table | None:
    """The catalog's table a node of FROM names; None for a CTE, a subquery, a function."""
    if not isinstance(node, exp.Table) or names_cte(node):
        return None
    hits = [t for t in context.catalog if same(t.name, node.name) and (not node.db or same(t.schema_name, node.db))]
    return next((t for t in hits if t.in_default_schema), hits[0] if hits else None)


def equated(condition: exp.Expr | None) -> list[Pair] | None:
    """The pairs of columns of different sources that an ON condition equates; None if it says anything else."""
    parts = [] if condition is None else condition.unnest().flatten() if _is_and(condition) else [condition]
    pairs: list[Pair] = []
    for part in (part.unnest() for part in parts):
        left, right = part.args.get("this"), part.args.get("expression")
        if not (isinstance(part, exp.EQ) and isinstance(left, exp.Column) and isinstance(right, exp.Column)):
            return None
        if not left.table or not right.table or same(left.table, right.table):
            return None
        pairs.append((left, right))
    return pairs or None


def followed_key(pairs: list[Pair], tables: Mapping[str, Table]) -> ForeignKey | None:
    """The foreign key, of either side, that refers to the other side by exactly these columns."""
    for here, there in ((0, 1), (1, 0)):
        homes = {(pair[here].table.casefold(), pair[there].table.casefold()) for pair in pairs}
        if len(homes) != 1:
            return None
        (mine, other) = next(iter(homes))
        if mine not in tables or other not in tables:
            return None
        equal = {(pair[here].name.casefold(), pair[there].name.casefold()) for pair in pairs}
        for key in tables[mine].foreign_keys:
            ends = zip(key.columns, key.target_columns, strict=False)
            if same(key.target_table.split(".")[-1], tables[other].name) and equal == {
                (a.casefold(), b.casefold()) for a, b in ends
            }:
                return key
    return None


def _is_and(condition: exp.Expr) -> bool:
    return isinstance(condition.unnest(), exp.And)
