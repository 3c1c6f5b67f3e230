"""A semantic view of an account, read as the asker."""

from typing import Any

import pytest

from sql_tools import Settings
from sql_tools.errors import SemanticFileError, WarehouseError
from sql_tools.models import QueryResult, ResultColumn
from sql_tools.semantic import semantics_of
from sql_tools.semantic.apply import SemanticWarehouse, with_semantics
from sql_tools.warehouses import Warehouse

from .conftest import FILE


class Account:
    """The trade as an account has it: remote, under a role, with one semantic view."""

    name, dialect, remote, role, notes = "snowflake", "duckdb", True, "ANALYST", ()

    def __init__(self, inner: Warehouse, text: str) -> None:
        self.inner, self.text, self.asked = inner, text, list[str]()

    def run(self, sql: str, **limits: Any) -> QueryResult:
        self.asked.append(sql)
        if not self.text:
            raise WarehouseError("The semantic view does not exist or is not authorized.")
        return QueryResult(columns=(ResultColumn(name="Y", type="VARCHAR"),), rows=((self.text,),))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def test_a_view_is_read_by_the_function_that_returns_its_yaml(bare: Warehouse) -> None:
    account = Account(bare, FILE.replace("database: TRADE, ", ""))
    laid = with_semantics(account, Settings(semantic='SHOP."my ""s"" view".TRADE'))
    assert account.asked == ["""SELECT SYSTEM$READ_YAML_FROM_SEMANTIC_VIEW('SHOP."my ""s"" view".TRADE')"""]
    assert isinstance(laid, SemanticWarehouse)
    semantics = semantics_of(laid)
    assert semantics is not None
    assert semantics.source == 'SHOP."my ""s"" view".TRADE'
    assert {d.name for d in semantics.definitions} >= {"net_revenue", "city"}


@pytest.mark.parametrize("name", ["x'); DROP TABLE t; --", "a.b.c.d", "my file", "'", "a..b"])
def test_what_is_no_name_of_a_view_is_not_sent(bare: Warehouse, name: str) -> None:
    account = Account(bare, FILE)
    with pytest.raises(SemanticFileError, match="neither a file here nor the name of a semantic view"):
        with_semantics(account, Settings(semantic=name))
    assert account.asked == []


def test_a_view_that_the_role_may_not_see_is_snowflakes_own_refusal(bare: Warehouse) -> None:
    with pytest.raises(WarehouseError, match="not authorized"):
        with_semantics(Account(bare, ""), Settings(semantic="SHOP.TRADE"))


def test_a_file_that_is_missing_is_no_view(bare: Warehouse) -> None:
    with pytest.raises(SemanticFileError, match="No such file"):
        with_semantics(Account(bare, FILE), Settings(semantic="missing.yaml"))
