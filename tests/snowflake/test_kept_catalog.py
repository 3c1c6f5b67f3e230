"""REFRESH_CATALOG keeps what it read for its own session and role; no change and no other role ever reads it."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from firm import COUNT, FIRM, GUESSES, KNOWN, OTHER, QUESTIONS, VIEW, attacks, leaks
from shop import ANSWERS, SHOP, deploy_shop

from sql_tools.in_account import procedures as in_account
from sql_tools.in_account.procedures import Deployment

HOME = "ARCTIC_COPILOT.CORE"
KEPT = f"{HOME}_KEPT"
SETTINGS = {"model": "cortex:m", "warehouse": "snowflake", "snowflake_schemas": "SHOP.PUBLIC"}
KEEPING = Deployment(settings=SETTINGS, kept_in=KEPT)
INTROSPECTS = r"INFORMATION_SCHEMA.COLUMNS|SHOW (PRIMARY|IMPORTED) KEYS|LIMIT 501|COUNT_DISTINCT|SELECT DISTINCT"
ROLES = ("SELLER", "CLERK")


@pytest.fixture
def account(fake_snowflake: Any) -> Any:
    """The shop, and the schema for temporary tables as the deployment makes it; one user, ANN, has both roles."""
    fake_snowflake.run(
        *SHOP,
        "CREATE DATABASE ARCTIC_COPILOT",
        f"CREATE SCHEMA {KEPT}",
        *(f"GRANT USAGE ON DATABASE ARCTIC_COPILOT TO ROLE {role}" for role in ROLES),
        *(f"GRANT USAGE ON SCHEMA {KEPT} TO ROLE {role}" for role in ROLES),
    )
    fake_snowflake.completions(ANSWERS)
    fake_snowflake.connection("SELLER", "ANN")
    fake_snowflake.run("GRANT ROLE CLERK TO USER ANN")
    return fake_snowflake


@pytest.fixture
def ann(account: Any) -> Iterator[Any]:
    with account.session("SELLER", "ANN", warehouse="COMPUTE_WH") as session:
        yield session


@pytest.fixture
def asked(account: Any) -> Callable[..., list[str]]:
    """asked(work) -> what the account was asked meanwhile."""

    def measure(work: Callable[[], Any]) -> list[str]:
        before = len(account.log(""))
        work()
        return [ran["sql"] for ran in account.log("")[before:]]

    return measure


def names(session: Any) -> list[str]:
    """The tables that a call of this session works with."""
    with in_account._opened(in_account.begin(session, None, KEEPING)) as (_, warehouse):
        return [".".join(table.path) for table in warehouse.tables()]


def refresh(session: Any) -> dict[str, Any]:
    return in_account.refresh_catalog(session, None, KEEPING)


def introspections(asked: list[str]) -> list[str]:
    return [sql for sql in asked if re.search(INTROSPECTS, sql)]


BOTH = ["SHOP.PUBLIC.CUSTOMER", "SHOP.PUBLIC.ORDERS"]


def test_the_next_call_asks_only_which_tables_there_are_and_answers_the_same(
    ann: Any, asked: Callable[..., list[str]]
) -> None:
    question, answers = "How many customers are there?", []
    without = asked(lambda: answers.append(in_account.ask(ann, question, None, KEEPING)))
    told = refresh(ann)
    assert (told["kept"], told["notes"], [t["name"] for t in told["tables"]]) == (True, [], BOTH)
    after = asked(lambda: answers.append(in_account.ask(ann, question, None, KEEPING)))
    assert (len(introspections(without)), introspections(after)) == (5, [])
    assert len(after) <= len(without) - 5
    assert [a["rows"] for a in answers] == [[[3]], [[3]]], answers[0]["message"]
    values = [[c.values for t in catalog(ann, kept) for c in t.columns] for kept in (KEEPING, Deployment(SETTINGS))]
    assert values[0] == values[1]


def catalog(session: Any, deployment: Deployment) -> Any:
    with in_account._opened(in_account.begin(session, None, deployment)) as (_, warehouse):
        return warehouse.tables()


def test_another_role_of_the_same_session_reads_and_keeps_its_own(ann: Any, asked: Callable[..., list[str]]) -> None:
    refresh(ann)
    ann.sql("USE ROLE CLERK").collect()
    assert names(ann) == ["SHOP.PUBLIC.ORDERS"]
    assert introspections(asked(lambda: names(ann)))
    assert refresh(ann)["kept"]
    assert not introspections(asked(lambda: names(ann)))
    ann.sql("USE ROLE SELLER").collect()
    assert (names(ann), introspections(asked(lambda: names(ann)))) == (BOTH, [])


def test_a_role_that_inherits_the_other_does_not_read_it_either(account: Any) -> None:
    account.run("CREATE ROLE BOSS", "GRANT ROLE SELLER TO ROLE BOSS", "GRANT ROLE BOSS TO USER ANN")
    with account.session("SELLER", "ANN", warehouse="COMPUTE_WH") as session:
        refresh(session)
        session.sql("USE ROLE BOSS").collect()
        before = len(account.log(""))
        assert names(session) == BOTH
        assert introspections([ran["sql"] for ran in account.log("")[before:]])


def test_what_secondary_roles_showed_is_not_there_without_them(account: Any, asked: Callable[..., list[str]]) -> None:
    with account.session("CLERK", "ANN", warehouse="COMPUTE_WH") as session:
        session.sql("USE SECONDARY ROLES ALL").collect()
        assert [t["name"] for t in refresh(session)["tables"]] == BOTH
        session.sql("USE SECONDARY ROLES NONE").collect()
        plain: list[str] = []
        ran = asked(lambda: plain.extend(names(session)))
        assert (plain, bool(introspections(ran))) == (["SHOP.PUBLIC.ORDERS"], True)
        session.sql("USE SECONDARY ROLES ALL").collect()
        assert not introspections(asked(lambda: names(session)))


def test_another_session_of_the_same_user_and_role_finds_nothing(
    ann: Any, account: Any, asked: Callable[..., list[str]]
) -> None:
    refresh(ann)
    with account.session("SELLER", "ANN", warehouse="COMPUTE_WH") as other:
        assert introspections(asked(lambda: names(other)))
        assert refresh(other)["kept"]


def test_what_changed_since_is_read_again_and_what_was_lost_is_gone_at_once(
    ann: Any, account: Any, asked: Callable[..., list[str]]
) -> None:
    refresh(ann)
    account.run("ALTER TABLE SHOP.PUBLIC.ORDERS ADD COLUMN O_NOTE VARCHAR")
    columns: list[str] = []
    ran = introspections(asked(lambda: columns.extend(c.name for c in catalog(ann, KEEPING)[1].columns)))
    assert "O_NOTE" in columns
    assert any("'ORDERS'" in sql for sql in ran)
    assert not [sql for sql in ran if "CUSTOMER" in sql]
    account.run("REVOKE SELECT ON TABLE SHOP.PUBLIC.CUSTOMER FROM ROLE SELLER")
    assert names(ann) == ["SHOP.PUBLIC.ORDERS"]


def test_a_schema_that_is_refused_is_not_answered_from_what_was_kept(ann: Any, account: Any) -> None:
    account.run("CREATE SCHEMA SHOP.WEB", "CREATE TABLE SHOP.WEB.VISITS (DAY DATE)", "GRANT USAGE ON SCHEMA SHOP.WEB TO ROLE SELLER", "GRANT SELECT ON TABLE SHOP.WEB.VISITS TO ROLE SELLER")  # fmt: skip
    wide = Deployment({**SETTINGS, "snowflake_schemas": "SHOP.PUBLIC, SHOP.WEB"}, kept_in=KEPT)
    assert len(in_account.refresh_catalog(ann, None, wide)["tables"]) == 3
    account.fail(r"TABLES WHERE TABLE_SCHEMA = 'WEB'", 2003, "Schema 'SHOP.WEB' does not exist or not authorized.")
    assert ["VISITS" in table.name for table in catalog(ann, wide)] == [False, False]


def test_what_is_too_old_or_damaged_is_not_read(ann: Any, asked: Callable[..., list[str]]) -> None:
    refresh(ann)
    never = Deployment({**SETTINGS, "catalog_max_age_hours": 0}, kept_in=KEPT)
    assert introspections(asked(lambda: catalog(ann, never)))
    (table,) = {found for sql in asked(lambda: refresh(ann)) for found in re.findall(rf"{KEPT}\.\w+", sql)}
    ann.sql(f"UPDATE {table} SET KEPT_AT = DATEADD('day', -2, KEPT_AT)").collect()
    assert introspections(asked(lambda: names(ann)))
    ann.sql(f"UPDATE {table} SET KEPT_AT = DATEADD('day', 2, KEPT_AT)").collect()
    assert not introspections(asked(lambda: names(ann)))
    ann.sql(f"UPDATE {table} SET BODY = 'bm90aGluZw=='").collect()
    assert names(ann) == BOTH


def test_where_nothing_can_be_kept_the_catalog_is_told_all_the_same(ann: Any, account: Any) -> None:
    account.run(f"REVOKE USAGE ON SCHEMA {KEPT} FROM ROLE SELLER")
    for deployment in (KEEPING, Deployment(SETTINGS)):
        told = in_account.refresh_catalog(ann, None, deployment)
        assert ([t["name"] for t in told["tables"]], told["kept"]) == (BOTH, False)
        assert "Not kept for this session, so that each call reads it anew" in told["notes"][-1]


def test_as_deployed_a_restricted_caller_keeps_it_and_the_next_call_reads_it(
    fake_snowflake: Any, tmp_path: Path
) -> None:
    fake_snowflake.run(*SHOP)
    fake_snowflake.completions(ANSWERS)
    deploy_shop(fake_snowflake, tmp_path)
    fake_snowflake.run("GRANT ROLE COPILOT_USER TO ROLE SELLER")
    with fake_snowflake.session("SELLER", warehouse="COPILOT_WH") as session:
        told = json.loads(session.call(f"{HOME}.REFRESH_CATALOG"))
        assert (told["kept"], told["notes"]) == (True, [])
        before = len(fake_snowflake.log(""))
        told = json.loads(session.call(f"{HOME}.CHECK_SQL", "SELECT COUNT(*) FROM SHOP.PUBLIC.ORDERS"))
        assert told["allowed"]
        ran = [one["sql"] for one in fake_snowflake.log("")[before:]]
        assert any("FROM ARCTIC_COPILOT.CORE_KEPT.CATALOG_" in sql for sql in ran)
        assert not introspections(ran)
        fake_snowflake.run(f"REVOKE CALLER CREATE TABLE ON SCHEMA {KEPT} FROM ROLE COPILOT_OWNER")
    with fake_snowflake.session("SELLER", warehouse="COPILOT_WH") as session:
        told = json.loads(session.call(f"{HOME}.REFRESH_CATALOG"))
        assert (told["kept"], len(told["tables"])) == (False, 2)


def test_one_session_that_changes_its_role_carries_no_canary_over(fake_snowflake: Any) -> None:
    first, then, meaning = "HR", "SALES", {**SETTINGS, "snowflake_schemas": "FIRM", "semantic": VIEW}
    keeping = Deployment(meaning, kept_in=KEPT)
    fake_snowflake.run(
        *FIRM, "CREATE DATABASE ARCTIC_COPILOT", f"CREATE SCHEMA {KEPT}",
        *(f"GRANT USAGE ON {what} TO ROLE {role}" for role in OTHER for what in ("DATABASE ARCTIC_COPILOT", f"SCHEMA {KEPT}")),
    )  # fmt: skip
    fake_snowflake.completions([{"match": "", "answer": COUNT}])
    fake_snowflake.connection(first, "ANN")
    fake_snowflake.run(f"GRANT ROLE {then} TO USER ANN")
    with fake_snowflake.session(first, "ANN", warehouse="COMPUTE_WH") as session:
        told = in_account.refresh_catalog(session, None, keeping)
        assert told["kept"], told
        assert leaks(then, [json.dumps(told)]), "there is nothing to leak"
        session.sql(f"USE ROLE {then}").collect()
        asked = len(fake_snowflake.prompts())
        typed = [*attacks(then, GUESSES), *attacks(then, KNOWN)]
        got = [
            *(in_account.ask(session, question, None, keeping) for question in QUESTIONS[:2]),
            *(in_account.check_sql(session, sql, None, keeping) for sql in typed),
            in_account.refresh_catalog(session, None, keeping),
            *fake_snowflake.prompts()[asked:],
        ]
        assert leaks(then, [json.dumps(one, default=str) for one in got], typed) == []
