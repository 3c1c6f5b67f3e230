"""Tables are found by name without walking the catalog."""

import statistics
import time

from sql_tools.models import Column, Context, DraftSQL, Table
from sql_tools.query.tables import tables_named
from sql_tools.validate import validate


def table(name: str, schema: str = "main") -> Table:
    return Table(
        schema_name=schema, name=name, columns=tuple(Column(name=f"{name}_{i}", type="BIGINT") for i in range(20))
    )


def test_case_is_ignored_and_every_schema_is_told() -> None:
    catalog = (table("Orders"), table("orders", "old"), table("other"))
    assert tables_named("ORDERS", catalog) == catalog[:2]
    assert tables_named("nothing", catalog) == ()


def test_an_equal_catalog_is_another_one() -> None:
    """Nothing of one role's catalog is found in another's, whatever they share."""
    mine, theirs = (table("orders"), table("salaries")), (table("orders"),)
    assert tables_named("salaries", mine)
    assert tables_named("salaries", theirs) == ()
    assert tables_named("orders", (*theirs,))[0] is theirs[0]


def test_a_check_costs_the_same_in_a_thousand_times_the_columns() -> None:
    contexts = [context(tables) for tables in (5, 5_000)]
    spent: list[list[float]] = [[], []]
    for _ in range(15):
        for times, catalog in zip(spent, contexts, strict=True):
            started = time.perf_counter()
            check(catalog)
            times.append(time.perf_counter() - started)
    small, large = map(statistics.median, spent)
    assert large < 3 * small


def context(tables: int) -> Context:
    catalog = tuple(table(f"t{i}") for i in range(tables))
    return Context(dialect="duckdb", tables=catalog, catalog=catalog)


def check(catalog: Context) -> None:
    one, two = (t.name for t in catalog.catalog[-2:])
    sql = f"SELECT a.{one}_1, SUM(b.{two}_2) AS s FROM {one} AS a JOIN {two} AS b ON a.{one}_0 = b.{two}_0 GROUP BY a.{one}_1"
    validate(DraftSQL(text=sql, dialect="duckdb"), catalog)
