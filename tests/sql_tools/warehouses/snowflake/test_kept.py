"""What is kept of an account on disk: whose it is, who may read it, and that a killed run goes on."""

import json
import stat
from pathlib import Path

import pytest

from sql_tools.models import Column, Table
from sql_tools.settings import Settings
from sql_tools.warehouses.snowflake.catalog import Place, Row
from sql_tools.warehouses.snowflake.index import SnowflakeIndex
from sql_tools.warehouses.snowflake.kept import KeptCatalog, kept_path
from sql_tools.warehouses.snowflake.statements import Fetched

SETTINGS = Settings(snowflake_schemas="D.A, D.B", sample_seconds=0)


class Account:
    """Answers the catalog's statements; `dies_after` of them it raises KeyboardInterrupt, as Ctrl-C would."""

    def __init__(self, dies_after: int = 10**9) -> None:
        self.tables = {("A", "ONE"): ("t1", ["ID"]), ("A", "TWO"): ("t1", ["ID", "X"]), ("B", "THREE"): ("t1", ["ID"])}
        self.asked: list[str] = []
        self.dies_after = dies_after

    def ask(self, sql: str) -> list[Row]:
        if len(self.asked) == self.dies_after:
            raise KeyboardInterrupt
        self.asked.append(sql)
        if sql.startswith("SHOW"):
            return []
        schema = sql.split("TABLE_SCHEMA = '")[1][0]
        here = {name: told for (s, name), told in self.tables.items() if s == schema and f"'{name}'" in sql}
        here = here or {name: told for (s, name), told in self.tables.items() if s == schema}
        if "SCHEMA.TABLES" in sql:
            return [
                {"table_name": n, "table_type": "BASE TABLE", "row_count": 1, "bytes": 8, "last_altered": t[0], "comment": None}
                for n, t in here.items()
            ]  # fmt: skip
        return [
            {"table_name": n, "column_name": c, "data_type": "NUMBER", "numeric_precision": 38, "numeric_scale": 0, "comment": None}
            for n, t in here.items() for c in t[1]
        ]  # fmt: skip

    def index(self, kept: KeptCatalog, settings: Settings = SETTINGS) -> SnowflakeIndex:
        return SnowflakeIndex(self.ask, self.fetch, kept, settings, Place("D", "A"))

    def fetch(self, sql: str, max_rows: int) -> Fetched:
        self.asked.append(sql)
        return Fetched((), [("7",)], "")


def read(account: Account, path: Path, settings: Settings = SETTINGS, age: float | None = None) -> tuple[Table, ...]:
    kept = KeptCatalog(path)
    try:
        return account.index(kept, settings).read(lambda what, share: None, max_age_seconds=age)
    finally:
        kept.close()


def test_only_its_owner_may_read_the_file_and_its_folder(tmp_path: Path) -> None:
    path = kept_path(tmp_path, "account", "user", "role")
    KeptCatalog(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("who", [("other", "u", "r"), ("a", "other", "r"), ("a", "u", "other")])
def test_no_two_accounts_users_or_roles_share_a_file(tmp_path: Path, who: tuple[str, str, str]) -> None:
    assert kept_path(tmp_path, *who) != kept_path(tmp_path, "a", "u", "r")
    assert not {"a", "u", "r"} & set(kept_path(tmp_path, "a", "u", "r").stem)  - set("0123456789abcdef")  # fmt: skip


def test_tables_know_how_much_of_their_name_sql_needs(tmp_path: Path) -> None:
    tables = read(Account(), tmp_path / "x" / "k.db")
    assert [table.path for table in tables] == [("ONE",), ("TWO",), ("B", "THREE")]


def test_a_fresh_catalog_asks_the_account_nothing(tmp_path: Path) -> None:
    path, again = tmp_path / "x" / "k.db", Account()
    tables = read(Account(), path)
    assert read(again, path) == tables
    assert again.asked == []


def test_a_killed_run_goes_on_with_the_schema_it_had_not_finished(tmp_path: Path) -> None:
    path, again = tmp_path / "x" / "k.db", Account()
    with pytest.raises(KeyboardInterrupt):
        read(Account(dies_after=5), path)  # in the middle of schema B
    assert len(read(again, path)) == 3
    assert not any("'A'" in sql for sql in again.asked)


def test_only_what_was_altered_is_read_again_and_what_is_gone_is_forgotten(tmp_path: Path) -> None:
    path, account = tmp_path / "x" / "k.db", Account()
    read(account, path)
    account.asked.clear()
    account.tables[("A", "TWO")] = ("t2", ["ID", "RENAMED"])
    del account.tables[("B", "THREE")]
    tables = read(account, path, age=0.0)
    assert [(t.name, [c.name for c in t.columns]) for t in tables] == [("ONE", ["ID"]), ("TWO", ["ID", "RENAMED"])]
    columns = [sql for sql in account.asked if "SCHEMA.COLUMNS" in sql]
    assert len(columns) == 1
    assert "'ONE'" not in columns[0]


def test_values_are_looked_up_once_a_table_and_not_at_all_when_told_so(tmp_path: Path) -> None:
    path, account = tmp_path / "x" / "k.db", Account()
    sampling = SETTINGS.model_copy(update={"sample_seconds": 5.0})
    tables = read(account, path, sampling)
    assert tables[0].columns[0].samples == ("7",)
    looked = [sql for sql in account.asked if sql.startswith("SELECT TO_VARCHAR")]
    assert len(looked) == 3
    assert all("LIMIT 501" in sql for sql in looked)
    account.asked.clear()
    read(account, path, sampling, age=0.0)
    assert not any(sql.startswith("SELECT TO_VARCHAR") for sql in account.asked)


def test_three_thousand_tables_of_one_schema_are_read_in_bounded_parts(tmp_path: Path) -> None:
    account = Account()
    account.tables = {("A", f"T{n:04}"): ("t1", ["ID"]) for n in range(3000)}
    assert len(read(account, tmp_path / "x" / "k.db")) == 3000
    columns = [sql for sql in account.asked if "SCHEMA.COLUMNS" in sql]
    assert len(columns) == 8
    assert max(sql.count("'T") for sql in columns) <= 400


def test_tables_survive_the_file_unchanged(tmp_path: Path) -> None:
    table = Table(
        database="D", schema_name="S", name='odd "name"', comment="ä", columns=(Column(name="x", type="DATE"),)
    )
    kept = KeptCatalog(tmp_path / "x" / "k.db")
    kept.write(("D", "S"), [(table, "t", 1, False)])
    assert kept.tables([("D", "S")]) == (table,)
    assert json.loads(table.model_dump_json())["name"] == 'odd "name"'
