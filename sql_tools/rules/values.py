"""Text literals are rewritten as the data stores them ('haiti' -> 'Haiti'), on the column that stores them.

Works where a column's distinct values are all known. A value that is not in the column compared but in exactly one
place the keys or FROM lead to is looked up there: `flights.airline = 'United Airlines'` with a numeric key becomes
`flights.airline IN (SELECT uid FROM airlines WHERE airline = 'United Airlines')`.
"""

from sqlglot import exp

from sql_tools.errors import InvalidSQLError
from sql_tools.models import Column, Context, Table
from sql_tools.query.identifiers import identifier
from sql_tools.query.join_paths import bound_column, table_node
from sql_tools.rules import mend
from sql_tools.words import fold

TEXT = ("VARCHAR", "TEXT", "STRING", "CHAR")


@mend
def stored_values(tree: exp.Expr, context: Context) -> tuple[exp.Expr, str]:
    """Text literals compared with columns are stored values; InvalidSQLError for words compared with numbers."""
    notes = []
    for literal in list(tree.find_all(exp.Literal)):
        column = _compared_column(literal) if literal.is_string else None
        stored = column.meta.get("column") if column is not None else None
        if column is not None and isinstance(stored, Column) and literal.this not in stored.values:
            notes.append(_settle(literal, column, stored, context))
    return tree, "; ".join(filter(None, notes)) or "literals are as stored"


def _settle(literal: exp.Literal, column: exp.Column, stored: Column, context: Context) -> str:
    alike = [value for value in stored.values if fold(value) == fold(literal.this)]
    if len(alike) == 1:
        text = literal.this
        literal.replace(exp.Literal.string(alike[0]))
        return f"'{text}' is stored as '{alike[0]}' in {stored.name}"
    numeric = not stored.type.upper().startswith(TEXT)
    if alike or not (stored.values or numeric) or (numeric and _converts(literal.this, stored.type)):
        return ""
    return _through_key(literal, column, context) or _beside(literal, column, context) or _nowhere(literal, stored)


def _through_key(literal: exp.Literal, column: exp.Column, context: Context) -> str:
    """The value belongs to the table this foreign key refers to: compare with the key of the rows that hold it."""
    table, comparison = column.meta["table"], literal.parent
    if not isinstance(comparison, (exp.EQ, exp.NEQ)):
        return ""
    for key in table.foreign_keys:
        target = next((t for t in context.catalog if t.name == key.target_table), None)
        if key.columns != (column.name,) or target is None:
            continue
        homes = _homes(literal.this, target)
        if len(homes) == 1:
            holder, value = homes[0]
            lookup = (
                exp.select(bound_column(target.name, key.target_columns[0], context))
                .from_(table_node(target.name, context))
                .where(exp.EQ(this=bound_column(target.name, holder, context), expression=exp.Literal.string(value)))
            )
            inside: exp.Expr = exp.In(this=_same_column(column), query=exp.Subquery(this=lookup))
            comparison.replace(exp.Not(this=inside) if isinstance(comparison, exp.NEQ) else inside)
            return f"'{value}' is stored in {target.name}.{holder}: looked up there through {table.name}.{column.name}"
    return ""


def _beside(literal: exp.Literal, column: exp.Column, context: Context) -> str:
    """The value is in exactly one other column of the tables in this FROM: compare that column."""
    select = column.find_ancestor(exp.Select)
    homes = []
    for node in select.find_all(exp.Table) if select else ():
        if node.find_ancestor(exp.Select) is select:
            table = next((t for t in context.catalog if t.name == node.name), None)
            homes += [(node.alias_or_name, *home) for home in _homes(literal.this, table)] if table else []
    if len(homes) != 1:
        return ""
    alias, holder, value = homes[0]
    before = column.sql(context.dialect)
    literal.replace(exp.Literal.string(value))
    column.replace(exp.column(identifier(holder, context.dialect), alias))
    return f"'{value}' is stored in {alias}.{holder}, not in {before}"


def _same_column(column: exp.Column) -> exp.Column:
    copy = column.copy()
    copy.meta.update(column.meta)
    return copy


def _nowhere(literal: exp.Literal, stored: Column) -> str:
    if not stored.type.upper().startswith(TEXT):
        raise InvalidSQLError(
            f"{stored.name} holds {stored.type.partition('(')[0]} values, so it cannot equal '{literal.this}'.",
            rule="stored_values",
        )
    return f"no row holds '{literal.this}' in {stored.name}"


def _homes(text: str, table: Table) -> list[tuple[str, str]]:
    """The columns of a table whose known values include the text, with the value as stored."""
    return [(c.name, value) for c in table.columns for value in c.values if fold(value) == fold(text)]


def _converts(text: str, kind: str) -> bool:
    """May the engine read this text as a value of that type? Only numbers are judged here."""
    if not any(word in kind.upper() for word in ("INT", "DOUBLE", "FLOAT", "REAL", "DECIMAL", "NUMBER", "NUMERIC")):
        return True
    try:
        float(text)
    except ValueError:
        return False
    return True


def _compared_column(literal: exp.Literal) -> exp.Column | None:
    parent = literal.parent
    if isinstance(parent, (exp.EQ, exp.NEQ)):
        other = parent.expression if parent.this is literal else parent.this
    elif isinstance(parent, exp.In):
        other = parent.this
    else:
        return None
    return other if isinstance(other, exp.Column) else None
