"""What is said of each join, against counts made by hand on a shop whose keys repeat, lack values and lead nowhere."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sqlglot import parse_one

from sql_tools.models import Context, JoinUsed
from sql_tools.open_warehouse import open_warehouse
from sql_tools.proof.join_evidence import join_evidence
from sql_tools.settings import Settings
from sql_tools.warehouses import Warehouse
from sql_tools.warehouses.probe import Probe

TABLES = """
CREATE TABLE city (id INT PRIMARY KEY, name VARCHAR);
CREATE TABLE person (id INT PRIMARY KEY, name VARCHAR, city_id INT REFERENCES city(id), boss_id INT);
CREATE TABLE part (shop INT, nr INT, label VARCHAR, PRIMARY KEY (shop, nr));
CREATE TABLE sold (shop INT, nr INT, amount INT, FOREIGN KEY (shop, nr) REFERENCES part(shop, nr));
CREATE TABLE loose (code INT, label VARCHAR);
CREATE TABLE other (code INT, note VARCHAR);
INSERT INTO city VALUES (1, 'A'), (2, 'B'), (3, 'C');
INSERT INTO person VALUES (1, 'a', 1, NULL), (2, 'b', 1, 1), (3, 'c', 2, 1), (4, 'd', NULL, 3);
INSERT INTO part VALUES (1, 1, 'x'), (1, 2, 'y'), (2, 1, 'z');
INSERT INTO sold VALUES (1, 1, 5), (1, 1, 6), (2, 1, 7);
INSERT INTO loose VALUES (1, 'a'), (1, 'b'), (NULL, 'c'), (NULL, 'd'), (7, 'e');
INSERT INTO other VALUES (1, 'p'), (1, 'q'), (NULL, 'r'), (8, 's');
"""


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    path: Path = tmp_path_factory.mktemp("town") / "town.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(TABLES)
    opened = open_warehouse(str(path), Settings(cache_dir=path.parent))
    yield opened
    opened.close()


def joins(town: Warehouse, sql: str) -> tuple[JoinUsed, ...]:
    context = Context(dialect="duckdb", tables=town.tables(), catalog=town.tables())
    return join_evidence(parse_one(sql, read="duckdb"), context, Probe(town))


COUNTED = [
    ("city JOIN person ON person.city_id = city.id", "inner", 3, 3),
    ("person LEFT JOIN city ON person.city_id = city.id", "left", 4, 4),
    ("person RIGHT JOIN city ON person.city_id = city.id", "right", 4, 4),
    ("person FULL JOIN city ON person.city_id = city.id", "full", 4, 5),
    ("person CROSS JOIN city", "cross", 4, 12),
    ("person, city", "cross", 4, 12),
    ("loose JOIN other ON loose.code = other.code", "inner", 5, 4),
    ("loose FULL JOIN other ON loose.code = other.code", "full", 5, 9),
    ("loose LEFT JOIN other ON loose.code = other.code", "left", 5, 7),
    ("loose JOIN other USING (code)", "inner", 5, 4),
    ("loose NATURAL JOIN other", "natural", 5, 4),
    ("loose SEMI JOIN other ON loose.code = other.code", "semi", 5, 2),
    ("loose ANTI JOIN other ON loose.code = other.code", "anti", 5, 3),
    ("sold JOIN part ON sold.shop = part.shop AND sold.nr = part.nr", "inner", 3, 3),
    ("sold JOIN part ON sold.shop = part.shop", "inner", 3, 5),
    ("person a JOIN person b ON a.boss_id = b.id", "inner", 4, 3),
    ("person a LEFT JOIN person b ON a.id = b.boss_id", "left", 4, 5),
    ("(SELECT * FROM person WHERE id > 1) p JOIN city ON city.id = p.city_id", "inner", 3, 2),
]


@pytest.mark.parametrize(("source", "kind", "before", "after"), COUNTED)
def test_rows_before_and_after_are_counted(town: Warehouse, source: str, kind: str, before: int, after: int) -> None:
    (join,) = joins(town, f"SELECT 1 FROM {source}")
    assert (join.kind, join.rows_before, join.rows_after) == (kind, before, after)


def test_filters_that_follow_do_not_count(town: Warehouse) -> None:
    (join,) = joins(town, "SELECT 1 FROM person JOIN city ON person.city_id = city.id WHERE city.id = 99")
    assert (join.rows_before, join.rows_after) == (4, 3)


KEYS = [
    ("person p JOIN city c ON p.city_id = c.id", "declared", False, True, [("person.city_id", "city.id")]),
    ("city c JOIN person p ON p.city_id = c.id", "declared", True, False, [("city.id", "person.city_id")]),
    ("person p JOIN city c USING (id)", "none", True, True, [("person.id", "city.id")]),
    ("sold s JOIN part p ON s.shop = p.shop AND p.nr = s.nr", "declared", False, True,
     [("sold.shop", "part.shop"), ("sold.nr", "part.nr")]),
    ("sold s JOIN part p ON s.shop = p.shop", "none", False, False, [("sold.shop", "part.shop")]),
    ("person a JOIN person b ON a.boss_id = b.id", "none", False, True, [("a.boss_id", "b.id")]),
    ("loose JOIN other ON loose.code = other.code", "none", False, False, [("loose.code", "other.code")]),
    ("loose JOIN other ON loose.label = other.note", "none", True, True, [("loose.label", "other.note")]),
    ("person, city WHERE person.city_id = city.id AND person.id > 0", "declared", False, True, [("person.city_id", "city.id")]),
    ("(person p JOIN city c ON p.city_id = c.id)", "declared", False, True, [("person.city_id", "city.id")]),
    ("person p JOIN city c ON p.city_id = c.id AND p.name = c.name", "none", None, None, None),
    ("person p JOIN city c ON p.city_id < c.id", "none", None, None, []),
    ("person p JOIN city c ON p.city_id = c.id OR p.id = 1", "none", None, None, []),
    ("person CROSS JOIN city", "none", None, None, []),
]  # fmt: skip


@pytest.mark.parametrize(("source", "key", "left", "right", "pairs"), KEYS)
def test_the_key_and_who_vouches_for_it(
    town: Warehouse, source: str, key: str, left: Any, right: Any, pairs: list[tuple[str, str]] | None
) -> None:
    (join,) = joins(town, f"SELECT 1 FROM {source}")
    assert join.key == key
    if pairs is not None:
        assert (join.left_unique, join.right_unique) == (left, right)
        assert [(pair.left, pair.right) for pair in join.keys] == pairs


def test_a_where_condition_is_the_join_of_tables_after_a_comma(town: Warehouse) -> None:
    (join,) = joins(town, "SELECT 1 FROM person, city WHERE person.city_id = city.id")
    assert (join.kind, join.condition, join.rows_after) == ("inner", "person.city_id = city.id", 3)


def test_a_cte_is_no_stored_table_though_it_has_its_name(town: Warehouse) -> None:
    sql = "WITH city AS (SELECT 1 AS id UNION ALL SELECT 1) SELECT 1 FROM person JOIN city ON person.city_id = city.id"
    (join,) = joins(town, sql)
    assert (join.key, join.right_unique, join.rows_after) == ("none", None, 4)


def test_a_table_is_stored_where_a_later_cte_has_its_name(town: Warehouse) -> None:
    sql = (
        "WITH p AS (SELECT c.name FROM person JOIN city c ON person.city_id = c.id), city AS (SELECT 1 AS id) "
        "SELECT 1 FROM p CROSS JOIN city"
    )
    assert {join.key for join in joins(town, sql)} == {"declared", "none"}
    assert sorted(join.rows_after or 0 for join in joins(town, sql)) == [3, 3]


def test_joins_in_brackets_are_told_too(town: Warehouse) -> None:
    sql = "SELECT 1 FROM sold s JOIN (person p JOIN city c ON p.city_id = c.id) ON s.amount > p.id"
    told = {(join.left, join.right): (join.rows_before, join.rows_after) for join in joins(town, sql)}
    assert told == {("sold", "person, city"): (3, 9), ("person", "city"): (4, 3)}


def test_each_join_of_a_chain_has_its_own_counts(town: Warehouse) -> None:
    sql = "SELECT 1 FROM city c JOIN person p ON p.city_id = c.id LEFT JOIN person q ON q.boss_id = p.id"
    assert [(j.left, j.right, j.rows_before, j.rows_after) for j in joins(town, sql)] == [
        ("city", "person", 3, 3),
        ("city, person", "person", 3, 4),
    ]


def test_a_join_that_sees_an_outer_query_is_told_without_counts(town: Warehouse) -> None:
    sql = "SELECT 1 FROM city c WHERE EXISTS (SELECT 1 FROM person a JOIN person b ON a.boss_id = b.id AND b.city_id = c.id)"
    (join,) = joins(town, sql)
    assert (join.rows_before, join.rows_after) == (None, None)


def test_no_time_means_not_known(town: Warehouse) -> None:
    context = Context(dialect="duckdb", tables=town.tables(), catalog=town.tables())
    tree = parse_one("SELECT 1 FROM loose l JOIN other o ON l.label = o.note", read="duckdb")
    opened = Probe(town, max_seconds=0)
    opened._known = {}
    (join,) = join_evidence(tree, context, opened)
    assert (join.left_unique, join.rows_before, opened.asked) == (None, None, 0)


def test_counting_stops_at_a_million_rows(town: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sql_tools.proof.join_evidence.MAX_ROWS_COUNTED", 10)
    (join,) = joins(town, "SELECT 1 FROM person CROSS JOIN city")
    assert (join.rows_before, join.rows_after) == (4, None)
