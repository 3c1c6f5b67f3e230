"""Which key a join follows: the columns its condition equates, and the foreign key, declared or inferred, that says so."""

from collections.abc import Iterable, Mapping

from sqlglot import exp

from sql_tools.models import Context, ForeignKey, Table
from sql_tools.query.identifiers import same
from sql_tools.query.tables import names_cte, tables_meant

Pair = tuple[exp.Column, exp.Column]


def sources_of(select: exp.Select) -> list[exp.Expr]:
    """What FROM and the joins name, in order."""
    source = select.args.get("from_")
    return [*([source.this] if source else []), *(join.this for join in select.args.get("joins") or [])]


def leaves_of(node: exp.Expr) -> list[exp.Expr]:
    """The sources in one node of FROM: itself, or what is joined in brackets."""
    if isinstance(node, exp.Subquery) and not node.alias and isinstance(node.this, exp.Table):
        joined = [join.this for join in node.this.args.get("joins") or []]
        return [node.this, *(leaf for one in joined for leaf in leaves_of(one))]
    return [node]


def stored_tables(select: exp.Select, context: Context) -> dict[str, Table]:
    """Folded alias -> catalog table, for those of its sources that are one."""
    return tables_among([leaf for node in sources_of(select) for leaf in leaves_of(node)], context)


def tables_among(nodes: Iterable[exp.Expr], context: Context) -> dict[str, Table]:
    """Folded alias -> catalog table, for those of the nodes that are one."""
    found: dict[str, Table] = {}
    for node in nodes:
        table = stored_table(node, context)
        if table:
            found[node.alias_or_name.casefold()] = table
    return found


def stored_table(node: exp.Expr, context: Context) -> Table | None:
    """The catalog's table a node of FROM names; None for a CTE, a subquery, a function."""
    if not isinstance(node, exp.Table) or names_cte(node):
        return None
    return next(iter(tables_meant(node, context.catalog)), None)


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


def shared_pairs(join: exp.Join, before: Mapping[str, Table], own: Mapping[str, Table]) -> list[Pair]:
    """The pairs that USING or NATURAL equates; none where it is not sure whose column is meant."""
    here = {column.name.casefold() for table in own.values() for column in table.columns}
    there = {column.name.casefold() for table in before.values() for column in table.columns}
    names = [column.name for column in join.args.get("using") or []]
    names = names or (sorted(here & there) if join.method.upper() == "NATURAL" else [])
    pairs = [(_only(name, before), _only(name, own)) for name in names]
    sure = [(left, right) for left, right in pairs if left is not None and right is not None]
    return sure if len(sure) == len(names) else []


def where_pairs(select: exp.Expr, before: Iterable[str], own: Iterable[str]) -> list[exp.EQ]:
    """What WHERE equates of a source named after a comma and those before it."""
    where = select.args.get("where")
    if where is None:
        return []
    condition = where.this.unnest()
    parts = condition.flatten() if isinstance(condition, exp.And) else [condition]
    sides = (set(before), set(own))
    return [part for part in (one.unnest() for one in parts) if isinstance(part, exp.EQ) and _meets(part, *sides)]


def _meets(part: exp.EQ, before: set[str], own: set[str]) -> bool:
    if not (isinstance(part.this, exp.Column) and isinstance(part.expression, exp.Column)):
        return False
    left, right = part.this.table.casefold(), part.expression.table.casefold()
    return (left in before and right in own) or (right in before and left in own)


def _only(name: str, tables: Mapping[str, Table]) -> exp.Column | None:
    homes = [alias for alias, table in tables.items() if any(same(column.name, name) for column in table.columns)]
    return exp.column(name, homes[0]) if len(homes) == 1 else None


def _is_and(condition: exp.Expr) -> bool:
    return isinstance(condition.unnest(), exp.And)
