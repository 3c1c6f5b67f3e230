"""Tables found by words, in catalogs too large for a prompt."""

from sql_tools.models import Column, Table
from sql_tools.ranking import TableIndex, families


def table(name: str, *columns: str, database: str = "D", comment: str = "") -> Table:
    found = tuple(Column(name=column, type="VARCHAR") for column in columns)
    return Table(database=database, schema_name="S", name=name, columns=found, comment=comment)


def best(tables: list[Table], text: str) -> list[str]:
    index = TableIndex(tables)
    return [tables[member].name for family, _ in index.ranked(text) for member in index.members(family, text)]


NOISE = [table(f"PART{chr(65 + n)}", "ID", "MADE_AT") for n in range(20)]


def test_a_table_named_in_the_question_comes_before_one_with_such_a_column() -> None:
    tables = [*NOISE, table("INVOICES", "ID", "CUSTOMER"), table("CUSTOMERS", "ID", "NAME")]
    assert best(tables, "How many customers are there?")[:2] == ["CUSTOMERS", "INVOICES"]


def test_a_rare_word_inside_a_longer_name_is_found() -> None:
    assert best([*NOISE, table("HIGHSCHOOLERS", "ID")], "Which schooler is oldest?")[0] == "HIGHSCHOOLERS"


def test_days_of_one_table_take_one_place_unless_the_question_names_some() -> None:
    days = [table(f"SESSIONS_201708{day:02}", "VISITOR", "PAGE") for day in range(1, 31)]
    assert best([*NOISE, *days], "How many sessions had a visitor?") == ["SESSIONS_20170830"]
    assert best([*NOISE, *days], "How many sessions on 20170805?") == ["SESSIONS_20170805"]


def test_tables_that_only_look_alike_are_no_family() -> None:
    tables = [table("T1", "A"), table("T2", "A"), table("T3", "B"), table("T", "A")]
    assert families(tables) == [(0, 1), (2,), (3,)]


def test_tables_of_the_database_that_fits_move_up() -> None:
    tables = [
        *NOISE,
        table("ORDERS", "PRICE", database="X"),
        table("WEATHER", "ID"),
        table("ORDERS", "PRICE", "WEATHER"),
    ]
    index = TableIndex(tables)
    first = index.families[index.ranked("orders and the weather")[0][0]]
    assert tables[first[0]].database == "D"


def test_a_question_that_shares_no_word_finds_nothing() -> None:
    assert best(NOISE, "zebra crossings") == []
