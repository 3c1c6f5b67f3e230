from sql_tools.models import ForeignKey

SINGER = "CREATE TABLE singer AS SELECT range + 1 AS singer_id, 'n' || range AS name FROM range(5)"


def foreign_keys(warehouse):
    return {table.name: table.foreign_keys for table in warehouse.tables() if table.foreign_keys}


def test_a_column_named_after_a_key_is_taken_for_its_foreign_key(duckdb_file, opened):
    warehouse = opened(duckdb_file(SINGER, "CREATE TABLE song AS SELECT range % 5 + 1 AS singer_id FROM range(9)"))
    guess = ForeignKey(columns=("singer_id",), target_table="singer", target_columns=("singer_id",), declared=False)
    assert foreign_keys(warehouse) == {"song": (guess,)}


def test_table_name_and_id_point_at_the_id(duckdb_file, opened):
    warehouse = opened(
        duckdb_file(
            "CREATE TABLE cities AS SELECT range AS id FROM range(3)",
            "CREATE TABLE shop AS SELECT range AS id, range % 3 AS city_id FROM range(9)",
        )
    )
    (key,) = foreign_keys(warehouse)["shop"]
    assert (key.columns, key.target_table, key.target_columns) == (("city_id",), "cities", ("id",))


def test_a_value_missing_from_the_key_disproves_it(duckdb_file, opened):
    assert not foreign_keys(opened(duckdb_file(SINGER, "CREATE TABLE song AS SELECT 99 AS singer_id")))


def test_a_key_with_doubles_is_no_key(duckdb_file, opened):
    warehouse = opened(
        duckdb_file(SINGER, "INSERT INTO singer VALUES (1, 'twin')", "CREATE TABLE song AS SELECT 1 AS singer_id")
    )
    assert not foreign_keys(warehouse)


def test_another_type_is_no_foreign_key(duckdb_file, opened):
    assert not foreign_keys(opened(duckdb_file(SINGER, "CREATE TABLE song AS SELECT '1' AS singer_id")))


def test_plain_ids_do_not_point_at_each_other(duckdb_file, opened):
    warehouse = opened(duckdb_file("CREATE TABLE a AS SELECT 1 AS id", "CREATE TABLE b AS SELECT 1 AS id"))
    assert not foreign_keys(warehouse)


def test_what_declared_keys_leave_open_is_guessed_beside_them(duckdb_file, opened):
    warehouse = opened(
        duckdb_file(
            SINGER,
            "CREATE TABLE song AS SELECT 1 AS singer_id",
            "CREATE TABLE a (x INT PRIMARY KEY)",
            "CREATE TABLE b (y INT REFERENCES a (x))",
        )
    )
    assert [(name, key.declared) for name, (key,) in foreign_keys(warehouse).items()] == [("b", True), ("song", False)]


def test_a_number_named_after_a_table_points_at_its_key(duckdb_file, opened):
    warehouse = opened(
        duckdb_file(
            "CREATE TABLE airlines (uid INT PRIMARY KEY, airline VARCHAR)",
            "INSERT INTO airlines VALUES (1, 'United'), (2, 'Delta')",
            "CREATE TABLE flights AS SELECT range % 2 + 1 AS airline, range AS number FROM range(9)",
        )
    )
    (key,) = foreign_keys(warehouse)["flights"]
    assert (key.columns, key.target_table, key.target_columns) == (("airline",), "airlines", ("uid",))
