import sqlite3

import pytest

from sql_tools.errors import WarehouseError
from sql_tools.models import ForeignKey

NUMBERS = "INSERT INTO t VALUES (1), (2), (NULL)"


def only_table(warehouse):
    (table,) = warehouse.tables()
    return table


def rows(warehouse, sql):
    return warehouse.run(sql, max_rows=100, timeout_seconds=20).rows


@pytest.mark.parametrize(
    ("declared", "values", "expected", "loaded"),
    [
        ("INTEGER", "(1), (NULL), (3)", "BIGINT", {1, None, 3}),
        ("INT", "(1), (2.5)", "DOUBLE", {1.0, 2.5}),
        ("REAL", "(1), (2)", "DOUBLE", {1.0, 2.0}),
        ("", "(1), (9223372036854775807)", "BIGINT", {1, 9223372036854775807}),
        ("TEXT", "('2016'), ('2017')", "VARCHAR", {"2016", "2017"}),
        ("", "('2016'), ('2017')", "VARCHAR", {"2016", "2017"}),
        ("TEXT", "('01234'), ('+41')", "VARCHAR", {"01234", "+41"}),
        ("INTEGER", "(1), ('unknown')", "VARCHAR", {"1", "unknown"}),
        ("REAL", "(1.5), ('n/a')", "VARCHAR", {"1.5", "n/a"}),
        ("DATE", "('2020-01-02'), ('2021-02-03')", "VARCHAR", {"2020-01-02", "2021-02-03"}),
        ("BLOB", "(x'00ff'), (NULL)", "BLOB", {b"\x00\xff", None}),
        ("TEXT", "('a'), (x'62')", "VARCHAR", {"a", "b"}),
        ("TEXT", "(CAST(x'61ff62' AS TEXT))", "VARCHAR", {"a\ufffdb"}),
        ("TEXT", "(CAST(x'610062' AS TEXT)), ('')", "VARCHAR", {"a\0b", ""}),
        ("INTEGER", "(1), ('')", "BIGINT", {1, None}),
        ("TEXT", "(''), ('x')", "VARCHAR", {"", "x"}),
        ("VARCHAR(20)", "(NULL)", "VARCHAR", {None}),
        ("BIGINT", "(NULL)", "BIGINT", {None}),
        ("DECIMAL(5,2)", "(NULL)", "DOUBLE", {None}),
    ],
)
def test_types_come_from_the_values_present(sqlite_path, opened, declared, values, expected, loaded):
    warehouse = opened(sqlite_path(f"CREATE TABLE t (a {declared})", f"INSERT INTO t VALUES {values}"))
    assert only_table(warehouse).columns[0].type == expected
    assert {row[0] for row in rows(warehouse, "SELECT a FROM t")} == loaded


def test_empty_texts_among_numbers_are_noted(sqlite_path, opened):
    warehouse = opened(sqlite_path("CREATE TABLE t (a INTEGER)", "INSERT INTO t VALUES (1), ('')"))
    warehouse.tables()
    assert warehouse.notes == ("Empty texts in t.a were read as NULL.",)


def test_keys_are_carried_over(sqlite_path, opened):
    warehouse = opened(
        sqlite_path(
            "CREATE TABLE a (x INT, y INT, PRIMARY KEY (y, x))",
            "CREATE TABLE b (p INT, q INT, r INT PRIMARY KEY, FOREIGN KEY (p, q) REFERENCES a)",
            "CREATE TABLE c (r INT REFERENCES B (R))",
        )
    )
    a, b, c = warehouse.tables()
    assert a.primary_key == ("y", "x")
    assert b.foreign_keys == (ForeignKey(columns=("p", "q"), target_table="a", target_columns=("y", "x")),)
    assert c.foreign_keys == (ForeignKey(columns=("r",), target_table="b", target_columns=("r",)),)


def test_rows_that_break_their_keys_are_loaded_all_the_same(sqlite_path, opened):
    warehouse = opened(
        sqlite_path(
            "CREATE TABLE a (x TEXT PRIMARY KEY)",
            "CREATE TABLE b (x TEXT REFERENCES a (x))",
            "INSERT INTO a VALUES (NULL), (NULL)",
            "INSERT INTO b VALUES ('lost')",
        )
    )
    assert rows(warehouse, "SELECT count(*) FROM a, b") == ((2,),)
    assert [table.foreign_keys != () for table in warehouse.tables()] == [False, True]


def test_a_foreign_key_to_nowhere_is_dropped(sqlite_path, opened):
    warehouse = opened(sqlite_path("CREATE TABLE b (x INT REFERENCES gone (x), y INT REFERENCES b (nope))"))
    assert only_table(warehouse).foreign_keys == ()


def test_views_are_copied_with_sqlites_answers(sqlite_path, opened):
    warehouse = opened(
        sqlite_path("CREATE TABLE t (a)", NUMBERS, "CREATE VIEW v AS SELECT a || '!' AS s, 7 / 2 AS half FROM t")
    )
    assert rows(warehouse, "SELECT * FROM v ORDER BY s NULLS LAST") == (("1!", 3), ("2!", 3), (None, 3))


def test_a_broken_view_is_left_out_with_a_note(sqlite_path, opened):
    warehouse = opened(sqlite_path("CREATE TABLE t (a)", "CREATE VIEW v AS SELECT nope FROM t"))
    assert only_table(warehouse).name == "t"
    assert "View v is left out: no such column: nope" in warehouse.notes[0]


@pytest.mark.parametrize("name", ["order", "two words", 'with "quotes"', "日本", "it's", "a.b", "_arctic_copilot"])
def test_odd_names_survive(sqlite_path, opened, name):
    quoted = '"' + name.replace('"', '""') + '"'
    path = sqlite_path(f"CREATE TABLE {quoted} ({quoted} INT PRIMARY KEY)", f"INSERT INTO {quoted} VALUES (7)")
    table = only_table(opened(path))
    assert (table.name, table.columns[0].name, table.primary_key, table.row_count) == (name, name, (name,), 1)


def test_generated_columns_and_text_search_tables_can_be_read(sqlite_path, opened):
    warehouse = opened(
        sqlite_path(
            "CREATE TABLE t (a INT, b INT GENERATED ALWAYS AS (a * 2))",
            "INSERT INTO t VALUES (4)",
            "CREATE VIRTUAL TABLE notes USING fts5(body)",
            "INSERT INTO notes VALUES ('hello')",
        )
    )
    assert rows(warehouse, "SELECT b FROM t") == ((8,),)
    assert [table.name for table in warehouse.tables()] == ["notes", "t"]


def test_many_rows_arrive_in_order_and_complete(sqlite_path, opened):
    path = sqlite_path("CREATE TABLE t (a INT, b TEXT)")
    with sqlite3.connect(path) as connection:
        connection.executemany("INSERT INTO t VALUES (?, ?)", ((n, f"row {n}") for n in range(120_000)))
    connection.close()
    warehouse = opened(path)
    assert rows(warehouse, "SELECT count(*), sum(a), count(DISTINCT b) FROM t") == ((120_000, 7199940000, 120_000),)
    assert rows(warehouse, "SELECT a FROM t LIMIT 3") == ((0,), (1,), (2,))


def test_two_thousand_columns_can_be_loaded(sqlite_path, opened):
    columns = ", ".join(f"c{n} INT" for n in range(2000))
    warehouse = opened(sqlite_path(f"CREATE TABLE wide ({columns})", "INSERT INTO wide (c1999) VALUES (5)"))
    assert rows(warehouse, "SELECT c1999, c0 FROM wide") == ((5, None),)


def test_rows_still_in_the_write_ahead_log_are_read(tmp_path, opened):
    path = tmp_path / "live.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = wal")
    connection.execute("CREATE TABLE t (a)")
    connection.execute("INSERT INTO t VALUES (1)")
    connection.commit()
    assert rows(opened(path), "SELECT a FROM t") == ((1,),)
    connection.execute("INSERT INTO t VALUES (2)")
    connection.commit()
    assert rows(opened(path), "SELECT a FROM t") == ((1,), (2,))
    connection.close()


def refusal(opened, path) -> str:
    with pytest.raises(WarehouseError) as caught:
        opened(path)
    assert str(path) in caught.value.message
    assert caught.value.hint
    return caught.value.message


@pytest.mark.parametrize("content", [b"hello\n" * 900, b"SQLite format 3\0" + b"\xff" * 5000, bytes(range(256)) * 40])
def test_what_is_no_database_is_refused(tmp_path, opened, content):
    path = tmp_path / "bad.sqlite"
    path.write_bytes(content)
    assert "not a readable SQLite database" in refusal(opened, path)


def test_a_truncated_database_is_refused(sqlite_path, opened):
    path = sqlite_path("CREATE TABLE t (a)", "INSERT INTO t SELECT randomblob(3000) FROM (VALUES (1),(2),(3),(4),(5))")
    path.write_bytes(path.read_bytes()[:9000])
    assert "not a readable SQLite database" in refusal(opened, path)


def test_a_corrupt_page_is_refused(sqlite_path, opened):
    path = sqlite_path("CREATE TABLE t (a)", "INSERT INTO t SELECT 'x' FROM (VALUES (1),(2),(3))")
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    assert "malformed" in refusal(opened, path)


@pytest.mark.parametrize("statement", [None, "CREATE TABLE t (a)"])
def test_an_empty_database_is_refused(tmp_path, opened, statement):
    path = tmp_path / "empty.sqlite"
    connection = sqlite3.connect(path)
    if statement:
        connection.execute(statement)
        connection.execute("DROP TABLE t")
    connection.commit()
    connection.close()
    path.touch()
    assert "holds no tables" in refusal(opened, path)


def test_a_database_locked_by_a_writer_is_refused(sqlite_path, opened):
    path = sqlite_path("CREATE TABLE t (a)")
    writer = sqlite3.connect(path)
    writer.execute("BEGIN EXCLUSIVE")
    assert "being written to by another program" in refusal(opened, path)
    writer.close()
