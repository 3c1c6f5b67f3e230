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
    for db in ("pets_1", "concert_singer"):
        with sqlite3.connect(folder / f"{db}.sqlite") as connection:
            for name, columns in SCHEMAS[db].items():
                connection.execute(f'CREATE TABLE "{name}" ({", ".join(f""""{c}" """ for c in columns)})')
    return sorted(folder.glob("*.sqlite"))


def test_sampled_strings_match_parse_and_never_come_to_a_dead_end(bench: ModuleType, files: list[Path]) -> None:
    found = bench.measure(files, 600, 11)
    assert found["sampled"] >= 600
    assert found["matched"] == found["sampled"], found["unmatched"]
    assert found["dead ends"] == {}
    assert found["parsed"] == found["sampled"], found["refused"]
    assert found["all names resolved"] >= 0.8 * found["sampled"], found["unresolved"]
    assert found["explained"] >= 0.3 * found["sampled"], found["refused"]


def test_a_sample_of_one_table_binds_every_column(bench: ModuleType, files: list[Path]) -> None:
    """Where one table is named, and no name is of the writer's own, the engine finds every column."""
    tables = bench.sqlite_tables(files[0])
    explain = bench.explained(tables)
    sampler = bench.Sampler(bench.lark_grammar(tables, "duckdb"), random.Random(5))
    missing, plain = [], 0
    for _ in range(600):
        sql = bench.sql_in(bench.texts(sampler, 15))
        if sql.upper().count("FROM") == 1 and not any(
            word in sql.upper() for word in (" JOIN", "N1", "N2", "WITH", "FROM(")
        ):
            plain += "," not in sql.upper().split("FROM")[1]
            problem = explain(sql)
            if "," not in sql.upper().split("FROM")[1] and "not found" in problem:
                missing.append((sql, problem))
    assert plain >= 20
    assert missing == []
