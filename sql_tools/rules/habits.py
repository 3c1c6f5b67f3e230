"""Habits small models bring from SQLite and MySQL, rewritten to what was meant; each rewrite is told in the check."""

from sqlglot import exp

from sql_tools.errors import InvalidSQLError
from sql_tools.models import Column, Context, Table
from sql_tools.query.identifiers import same
from sql_tools.query.join_paths import plain_sources
from sql_tools.rules import mend
from sql_tools.words import words_of

NUMBERS = ("INT", "DOUBLE", "FLOAT", "REAL", "DECIMAL", "NUMERIC", "NUMBER", "HUGEINT")


@mend
def text_matches_ignore_case(tree: exp.Expr, context: Context) -> tuple[exp.Expr, str]:
    """LIKE becomes ILIKE: nobody asking in words means the case of the letters."""
    count = 0
    for like in list(tree.find_all(exp.Like)):
        like.replace(exp.ILike(this=like.this, expression=like.expression))
        count += 1
    return tree, f"{count} LIKE made to ignore case" if count else "nothing to change"


@mend
def grouped_columns(tree: exp.Expr, context: Context) -> tuple[exp.Expr, str]:
    """A bare column beside an aggregate gets a value per group: of the row that holds the MIN or MAX, else any."""
    notes: list[str] = []
    for select in tree.find_all(exp.Select):
        if _is_grouped(select):
            for column in _bare_columns(select):
                notes.append(_aggregate(column, select, context.dialect))
    return tree, "; ".join(dict.fromkeys(notes)) or "all grouped or aggregated"


@mend
def namesakes_stay_apart(tree: exp.Expr, context: Context) -> tuple[exp.Expr, str]:
    """Grouped by the name of a table that is joined by its key: grouped by the key too, so that two of one name are two."""
    notes = []
    for select in tree.find_all(exp.Select):
        tables = plain_sources(select, context)
        group = select.args.get("group")
        if len(tables) < 2 or not group or not all(isinstance(e, exp.Column) for e in group.expressions):
            continue
        grouped = {column.name.lower() for column in group.expressions}
        for column in list(group.expressions):
            key = _joined_key(column, select, tables)
            if words_of(column.name)[-1:] == ["name"] and key and key.name.lower() not in grouped:
                select.group_by(key, copy=False)
                notes.append(f"grouped by {key.sql(context.dialect)} too: two of one name are two")
                break
    return tree, "; ".join(notes) or "no name stands for several rows"


def _joined_key(column: exp.Column, select: exp.Select, tables: dict[str, Table]) -> exp.Column | None:
    """The primary key of the column's table, if a join of this SELECT uses it."""
    home = column.meta.get("table")
    alias = next((a for a, t in tables.items() if home and t.name == home.name), None)
    for equal in (e for join in select.args.get("joins") or [] for e in join.find_all(exp.EQ)):
        for side in (equal.this, equal.expression):
            if (
                home
                and alias
                and isinstance(side, exp.Column)
                and same(side.table, alias)
                and home.primary_key == (side.name,)
            ):
                return side.copy()
    return None


def no_aggregate_in_where(tree: exp.Expr, context: Context) -> tuple[exp.Expr, str]:
    """WHERE compares rows, HAVING compares groups."""
    for where in tree.find_all(exp.Where):
        found = where.find(exp.AggFunc)
        if found and found.find_ancestor(exp.Select) is where.parent and not found.find_ancestor(exp.Window):
            raise InvalidSQLError(
                f"{found.sql(context.dialect)} cannot stand in WHERE: use HAVING, or compare with a subquery.",
                rule="no_aggregate_in_where",
            )
    return tree, "no aggregate in WHERE"


@mend
def like_compared_with_like(tree: exp.Expr, context: Context) -> tuple[exp.Expr, str]:
    """Text columns compared with numbers compare as text; text averaged or ordered against numbers is read as a number."""
    notes: list[str] = []
    for comparison in list(tree.find_all(exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.In, exp.Between)):
        notes += _settle_comparison(comparison)
    for aggregate in list(tree.find_all(exp.Sum, exp.Avg)):
        summed = aggregate.this.expressions[0] if isinstance(aggregate.this, exp.Distinct) else aggregate.this
        if isinstance(summed, exp.Column) and _is_text(summed):
            notes.append(f"{summed.sql(context.dialect)} read as a number")
            summed.replace(_as_number(summed))
    return tree, "; ".join(dict.fromkeys(notes)) or "types agree"


def _is_grouped(select: exp.Select) -> bool:
    if group := select.args.get("group"):
        return not (group.args.get("all") or group.find(exp.Cube, exp.Rollup, exp.GroupingSets))
    return any(_own_aggregate(select, node) for e in select.expressions for node in e.find_all(exp.AggFunc))


def _own_aggregate(select: exp.Select, node: exp.Expr) -> bool:
    return node.find_ancestor(exp.Select) is select and not isinstance(
        node.parent, (exp.Window, exp.Filter, exp.IgnoreNulls)
    )


def _bare_columns(select: exp.Select) -> list[exp.Column]:
    """Columns of SELECT, HAVING and ORDER BY that are neither grouped, aggregated, nor names of outputs."""
    grouped = [e.sql().lower() for e in (select.args["group"].expressions if select.args.get("group") else [])]
    positions = [int(text) for text in grouped if text.isdigit()]
    free = [
        e for n, e in enumerate(select.expressions, 1) if n not in positions and _plain(e).sql().lower() not in grouped
    ]
    free = [e for e in free if not (e.alias and e.alias.lower() in grouped)]
    outputs = {e.alias_or_name.lower() for e in select.expressions}
    parts = [(e, False) for e in free] + [(select.args[k], True) for k in ("having", "order") if select.args.get(k)]
    return [
        column
        for part, by_name in parts
        for column in part.find_all(exp.Column)
        if column.find_ancestor(exp.Select) is select
        and not _inside(column, select, (exp.AggFunc, exp.Window, exp.Filter, exp.WithinGroup), grouped)
        and not (by_name and not column.table and column.name.lower() in outputs)
        and not _is_grouped_name(column, grouped)
        and not isinstance(column.this, exp.Star)
    ]


def _plain(node: exp.Expr) -> exp.Expr:
    return node.this if isinstance(node, exp.Alias) else node


def _is_grouped_name(column: exp.Column, grouped: list[str]) -> bool:
    names = {text.rsplit(".", 1)[-1].strip('"') for text in grouped}
    return column.sql().lower() in grouped or column.name.lower() in names


def _inside(node: exp.Expr, stop: exp.Expr, kinds: tuple[type[exp.Expr], ...], grouped: list[str]) -> bool:
    parent = node.parent
    while parent is not None and parent is not stop:
        if isinstance(parent, kinds) or parent.sql().lower() in grouped:
            return True
        parent = parent.parent
    return False


def _aggregate(column: exp.Column, select: exp.Select, dialect: str) -> str:
    """Wrap a bare column; name it as before. Returns what was done."""
    extremes = [a for e in select.expressions for a in e.find_all(exp.Max, exp.Min) if _own_aggregate(select, a)]
    bare = column.copy()
    bare.meta.update(column.meta)
    if len(extremes) == 1:
        kind = exp.ArgMax if isinstance(extremes[0], exp.Max) else exp.ArgMin
        wrapped: exp.Expr = kind(this=bare, expression=extremes[0].this.copy())
        note = f"{column.sql(dialect)} taken from the row with that {extremes[0].sql(dialect)}"
    else:
        wrapped = exp.AnyValue(this=bare)
        note = f"{column.sql(dialect)} is not grouped: one value per group is shown"
    top = column.parent is select and column.arg_key == "expressions"
    column.replace(exp.alias_(wrapped, column.name, quoted=column.this.quoted) if top else wrapped)
    return note


def _settle_comparison(node: exp.Expr) -> list[str]:
    left = node.this
    others = [node.args[k] for k in ("expression", "low", "high") if node.args.get(k)] + list(
        node.args.get("expressions") or []
    )
    if isinstance(left, exp.Literal) and isinstance(node.args.get("expression"), exp.Column):
        left, others = node.args["expression"], [left]
    if query := node.args.get("query"):
        others = [query]
    if isinstance(left, exp.Column) and len(others) == 1 and (right := _output(others[0])) is not None:
        return _settle_columns(left, right)
    if not (isinstance(left, exp.Column) and _is_text(left)):
        return []
    numbers = [o for o in others if isinstance(o, exp.Literal) and not o.is_string]
    if not numbers or len(numbers) != len(others):
        return []
    if isinstance(node, (exp.EQ, exp.NEQ, exp.In)):
        for number in numbers:
            number.replace(exp.Literal.string(number.this))
        return [f"{left.name} is text: compared as text"]
    left.replace(_as_number(left))
    return [f"{left.name} is text: compared as a number"]


def _output(node: exp.Expr) -> exp.Expr | None:
    """What a comparison meets: a column, or the one column or aggregate a subquery returns."""
    query = node.this if isinstance(node, exp.Subquery) else node
    if isinstance(query, exp.Select) and len(query.expressions) == 1:
        return _plain(query.expressions[0])
    return node if isinstance(node, exp.Column) else None


def _settle_columns(left: exp.Column, right: exp.Expr) -> list[str]:
    """Text compared with a number is read as a number; text that is none matches nothing."""
    for text, number in ((left, right), (right, left)):
        shown = text.this if isinstance(text, (exp.Max, exp.Min)) else text
        if isinstance(shown, exp.Column) and _is_text(shown) and _is_number(number):
            shown.replace(_as_number(shown))
            return [f"{shown.name} is text: compared with {number.sql()} as a number"]
    return []


def _as_number(column: exp.Expr) -> exp.TryCast:
    return exp.TryCast(this=column.copy(), to=exp.DataType.build("DOUBLE"))


def _is_text(column: exp.Column) -> bool:
    stored = column.meta.get("column")
    return isinstance(stored, Column) and stored.type.upper().startswith(("VARCHAR", "TEXT", "STRING", "CHAR"))


def _is_number(node: exp.Expr) -> bool:
    if isinstance(node, (exp.Avg, exp.Sum, exp.Count)):
        return True
    stored = (node.this if isinstance(node, (exp.Max, exp.Min)) else node).meta.get("column")
    return isinstance(stored, Column) and any(kind in stored.type.upper() for kind in NUMBERS)
