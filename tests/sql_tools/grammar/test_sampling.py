"""Strings drawn from a grammar's own rules: what it promises of all, seen on some."""

import importlib.util
import json
import random
import sqlite3
import sys
from pathlib import Path
from types import ModuleType

import pytest

BENCH = Path(__file__).parents[2] / "bench"
SCHEMAS = json.loads((Path(__file__).parent / "fixtures" / "spider_sample.json").read_text())["schemas"]


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    sys.path.insert(0, str(BENCH))
    spec = importlib.util.spec_from_file_location("grammar_sample", BENCH / "grammar_sample.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.path.remove(str(BENCH))
    return module


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("databases")
    for db in ("pets_1", "concert_singer", "car_1"):  # three, four and six tables
        with sqlite3.connect(folder / f"{db}.sqlite") as connection:
            for name, columns in SCHEMAS[db].items():
                connection.execute(f'CREATE TABLE "{name}" ({", ".join(f""""{c}" """ for c in columns)})')
    return sorted(folder.glob("*.sqlite"))


def test_sampled_strings_match_parse_and_name_only_what_is_there(bench: ModuleType, files: list[Path]) -> None:
    found = bench.measure(files, 600, 11)
    assert found["sampled"] >= 600
    assert found["matched"] == found["sampled"], found["unmatched"]
    assert found["dead ends"] == {}
    assert found["parsed"] == found["sampled"], found["refused"]
    assert found["all names resolved"] == found["sampled"], found["examples"]
    assert found["explained"] >= 0.4 * found["sampled"], found["refused"]


def test_a_grammar_that_lets_the_list_name_any_table_is_found_out(bench: ModuleType, files: list[Path]) -> None:
    """So the measure can fail: the same schema, its SELECT list not held to FROM."""
    tables = bench.sqlite_tables(files[0])
    loose = bench.Sampler(bench.lark_grammar(tables, "duckdb", held=False), random.Random(3), 0)
    found, explain = bench.Findings(), bench.Explained(tables)
    for _ in range(60):
        sql = bench.texts(loose, 40)
        found.look(sql, loose, bench.Names(tables, loose.rng, explain.columns, bench.sql_in(sql)), explain)
    assert found.unresolved["its table is not in FROM"] > 0


@pytest.mark.parametrize(
    ("sql", "problem"),
    [
        ("SELECT age FROM stadium", "its table is not in FROM"),
        ("SELECT n1.age FROM singer", "nothing of that name before the dot"),
        ("SELECT singer.age FROM singer AS n1", "nothing of that name before the dot"),
        ("SELECT n1 FROM singer", "no column of the writer's own"),
        ("SELECT age FROM n1", "no CTE of that name"),
        ("SELECT 1 FROM singer JOIN stadium USING (age)", "no such column on both sides of USING"),
    ],
)
def test_the_measure_sees_each_kind_of_wrong_name(bench: ModuleType, files: list[Path], sql: str, problem: str) -> None:
    tables = bench.sqlite_tables(files[1])
    names = bench.Names(tables, random.Random(1), bench.Explained(tables).columns, sql)
    names.resolve(bench.sqlglot.parse_one(sql, read="duckdb"))
    assert problem in names.unresolved


def test_the_writer_s_own_names_are_drawn_from_those_that_are_there(bench: ModuleType, files: list[Path]) -> None:
    tables = bench.sqlite_tables(files[1])
    sql = "WITH n1 AS (SELECT count(*) AS n2 FROM singer AS n3) SELECT n4.n5 FROM n6"
    names = bench.Names(tables, random.Random(1), bench.Explained(tables).columns, sql)
    names.resolve(bench.sqlglot.parse_one(sql, read="duckdb"))
    assert not names.unresolved
    assert names.written(sql) == "WITH n1 AS (SELECT count(*) AS n2 FROM singer AS n3) SELECT n1.n2 FROM n1"
    assert bench.Explained(tables)(names.written(sql)) == ""
