"""Views and computed columns that a database file brings along: their SQL must pass what a question's SQL must pass, else
they are left out, a computed column with its table.

Whoever reads a view runs its SQL, which nobody here wrote: it may read settings, files or what a macro of the file hides.
"""

from sqlglot import exp

from sql_tools.errors import CopilotError
from sql_tools.models import Context, ReadLimits, Table
from sql_tools.query.text import parse
from sql_tools.rules import Rule, bounds, names, plain_words, reads

RULES: tuple[Rule, ...] = (
    reads.only_a_select,
    reads.only_known_nodes,
    plain_words.only_plain_words,
    reads.only_known_functions,
    reads.only_plain_tables,
    bounds.recursion_is_bounded,
    bounds.columns_are_few,
    bounds.products_are_small,
    names.known_tables,
    names.no_words_of_the_session,
)


def unreadable_views(
    tables: tuple[Table, ...], definitions: dict[tuple[str, str], str], limits: ReadLimits
) -> dict[tuple[str, str], str]:
    """(schema, name) -> why it may not be read, of the views and tables that may not; nor may a view that reads such a one.

    `definitions` holds the `CREATE VIEW ...` of each view, and a SELECT of the computed columns of a table, in DuckDB's words.
    """
    refused: dict[tuple[str, str], str] = {}
    while True:
        catalog = tuple(t for t in tables if (t.schema_name, t.name) not in refused)
        context = Context(dialect="duckdb", tables=catalog, catalog=catalog, limits=limits)
        found = {
            view: why
            for view, sql in definitions.items()
            if view not in refused and (why := _problem(sql, view[0], context))
        }
        if not found:
            return refused
        refused |= found


def _problem(sql: str, schema: str, context: Context) -> str:
    """What one of the rules says of the view's query; "" if none complains. The query is read in the view's own schema."""
    here = tuple(t.model_copy(update={"in_default_schema": t.schema_name == schema}) for t in context.catalog)
    context = context.model_copy(update={"catalog": here, "tables": here})
    try:
        tree = parse(sql, "duckdb")
        query = tree.expression.copy() if isinstance(tree, exp.Create) and tree.expression else tree
        for rule in RULES:
            rule(query, context)
    except CopilotError as error:
        return error.message.rstrip(".")
    except Exception as error:  # a rule that breaks has not said yes
        return f"its SQL can't be checked ({type(error).__name__})"
    return ""
