"""Lambdas with an arrow, `x -> x + 1`, which DuckDB no longer takes: the same with its keyword, `lambda x: x + 1`.

Acts on DuckDB alone, where such a draft does not bind. Must never touch an arrow that is JSON's (`attrs -> 'size'`).
"""

from sqlglot import exp

from sql_tools.models import Change, Context


def arrows(tree: exp.Expr, context: Context) -> list[exp.Lambda]:
    """The lambdas written with an arrow, where the engine wants its keyword."""
    return [one for one in tree.find_all(exp.Lambda) if one.meta.get("arrow")] if context.dialect == "duckdb" else []


def lambda_keywords(tree: exp.Expr, context: Context) -> list[Change]:
    """Each arrow becomes the keyword."""
    changes = []
    for node in arrows(tree, context):
        before = f"{', '.join(e.sql('duckdb') for e in node.expressions)} -> {node.this.sql('duckdb')}"
        del node.meta["arrow"]  # it is written with the keyword anyway
        why = "this DuckDB takes no arrow in a lambda"
        changes.append(Change(rule="lambda_keywords", before=before, after=node.sql("duckdb"), why=why))
    return changes
