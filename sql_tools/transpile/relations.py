"""Relations and windows: names that Snowflake gives, and aggregates that DuckDB spells otherwise."""

from sqlglot import exp

ROWS = exp.WindowSpec(kind="ROWS", start="UNBOUNDED", start_side="PRECEDING", end="CURRENT ROW")


def named_columns(node: exp.Expr) -> exp.Expr:
    """VALUES has the columns column1, column2 and so on, where DuckDB calls them col0, col1. Source: constructs/values."""
    alias = node.args.get("alias")
    if (alias is not None and alias.columns) or not node.expressions or not _is_source(node):
        return node
    width = len(node.expressions[0].expressions)
    columns = [exp.to_identifier(f"column{at}") for at in range(1, width + 1)]
    new = node.copy()
    name = alias.this.copy() if alias is not None and alias.this else exp.to_identifier("_values")
    new.set("alias", exp.TableAlias(this=name, columns=columns))
    return new


def _is_source(node: exp.Expr) -> bool:
    return isinstance(node.parent, exp.From | exp.Join | exp.Subquery | exp.Lateral)


def order_by_all(node: exp.Expr) -> exp.Expr:
    """ORDER BY ALL, which sqlglot takes for a column. Source: constructs/order-by."""
    column = node.this
    if not isinstance(column, exp.Column) or column.table or column.this.quoted or column.name.upper() != "ALL":
        return node
    new = node.copy()
    new.set("this", exp.var("ALL"))
    return new


def unpivot_names(node: exp.Expr) -> exp.Expr:
    """UNPIVOT's names are the columns' as Snowflake stores them: upper case unless quoted. Source: constructs/unpivot."""
    if not node.args.get("unpivot"):
        return node
    new = node.copy()
    for field in new.args.get("fields") or ():
        field.set("expressions", [_stored_name(column) for column in field.expressions])
    return new


def _stored_name(column: exp.Expr) -> exp.Expr:
    if isinstance(column, exp.PivotAlias):
        column.set("alias", exp.to_identifier(column.args["alias"].name.upper(), quoted=True))
        return column
    if not isinstance(column, exp.Column) or column.this.quoted:
        return column
    return exp.PivotAlias(this=column, alias=exp.to_identifier(column.name.upper(), quoted=True))


def empty_list(node: exp.Expr) -> exp.Expr:
    """LISTAGG of nothing is the empty string, not NULL. Source: functions/listagg, Usage notes."""
    if isinstance(node.parent, exp.Window | exp.WithinGroup | exp.Filter):
        return node  # `window` sees to it
    return exp.Coalesce(this=node.copy(), expressions=[exp.Literal.string("")])


def window(node: exp.Expr) -> exp.Expr:
    """The window functions that DuckDB lacks, and LISTAGG as one."""
    name = node.this.name.upper() if isinstance(node.this, exp.Anonymous) else ""
    if name == "RATIO_TO_REPORT":
        return _ratio_to_report(node)
    if name == "CONDITIONAL_TRUE_EVENT":
        return _conditional_true_event(node)
    if isinstance(node.this, exp.GroupConcat):
        return exp.Coalesce(this=node.copy(), expressions=[exp.Literal.string("")])
    return node


def _ratio_to_report(node: exp.Expr) -> exp.Expr:
    """The value by its sum; NULL where that is 0, and the window's order counts for nothing.

    Source: functions/ratio_to_report.
    """
    value, whole = node.this.expressions[0], node.copy()
    whole.set("this", exp.Sum(this=value.copy()))
    whole.set("order", None)
    return exp.paren(exp.Div(this=value.copy(), expression=exp.Nullif(this=whole, expression=exp.Literal.number(0))))


def _conditional_true_event(node: exp.Expr) -> exp.Expr:
    """How many rows up to this one hold, each row for itself where the order ties. Source: functions/conditional_true_event."""
    held = exp.If(
        this=exp.cast(node.this.expressions[0].copy(), "boolean"),
        true=exp.Literal.number(1),
        false=exp.Literal.number(0),
    )
    new = node.copy()
    new.set("this", exp.Sum(this=held))
    new.set("spec", ROWS.copy())
    return new
