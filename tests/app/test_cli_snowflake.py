"""The command line on Snowflake: a real connections.toml, the real connector in a process of its own, the tests' server."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

Run = Callable[..., "subprocess.CompletedProcess[str]"]
COUNT = "```sql\nselect count(*) as n from orders\n```"


@pytest.fixture
def run(fake_snowflake: Any, tmp_path: Path) -> Run:
    """run(*arguments, **environment) -> the finished command; `shop` is the default connection."""
    fake_snowflake.run("CREATE DATABASE SHOP", "CREATE TABLE SHOP.PUBLIC.ORDERS (ID NUMBER PRIMARY KEY, PLACED DATE)",
                       "INSERT INTO SHOP.PUBLIC.ORDERS VALUES (1, '2024-01-05'), (2, '2024-02-05')")  # fmt: skip
    home = tmp_path / "home"
    home.mkdir()
    shop = fake_snowflake.connection(database="SHOP", schema="PUBLIC")
    wrong = shop | {"password": "wrong", "login_timeout": 2}
    fake_snowflake.connections_toml(home / "connections.toml", {"shop": shop, "wrong": wrong})

    def command(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        given = {name: value for name, value in os.environ.items() if not name.startswith("ARCTIC_COPILOT_")}
        given |= {"SNOWFLAKE_HOME": str(home), "SNOWFLAKE_DEFAULT_CONNECTION_NAME": "shop"}
        given |= {"ARCTIC_COPILOT_CACHE_DIR": str(tmp_path / "cache"), **environment}
        line = [sys.executable, "-c", "from app.cli import main; main()", *arguments]
        return subprocess.run(line, env=given, capture_output=True, text=True, timeout=120, check=False)

    return command


def test_a_question_is_answered_by_the_default_connection_and_a_model_in_the_account(
    fake_snowflake: Any, run: Run
) -> None:
    fake_snowflake.completions([{"answer": COUNT}])
    done = run("ask", "How many orders are there?", "--warehouse", "snowflake", "--model", "cortex:m", "--json")
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["status"], answer["rows"], answer["dialect"]) == (0, "answered", [[2]], "snowflake")
    assert answer["proof"]["role"] == "ACCOUNTADMIN"


def test_over_the_budget_it_asks_back_and_an_option_consents(fake_snowflake: Any, run: Run) -> None:
    fake_snowflake.completions([{"answer": COUNT}])
    fake_snowflake.ask("stats", table=["SHOP", "PUBLIC", "ORDERS"], bytes=120 * 10**9, partitions=7000)
    asked = ["ask", "How many orders are there?", "-w", "snowflake:shop", "-m", "cortex:m", "--json"]
    back = run(*asked)
    assert (back.returncode, json.loads(back.stdout)["status"]) == (3, "clarify")
    assert "--allow-scan-gb 120" in json.loads(back.stdout)["message"]
    assert json.loads(run(*asked, "--allow-scan-gb", "120").stdout)["rows"] == [[2]]


def test_schema_shows_what_the_role_sees_and_refresh_asks_again(fake_snowflake: Any, run: Run) -> None:
    first = json.loads(run("schema", "-w", "snowflake:shop", "--json").stdout)
    assert [table["name"] for table in first["tables"]] == ["ORDERS"]
    fake_snowflake.run("CREATE TABLE SHOP.PUBLIC.LATER (ID NUMBER)")
    again = json.loads(run("schema", "-w", "snowflake:shop", "--refresh", "--json").stdout)
    assert [table["name"] for table in again["tables"]] == ["LATER", "ORDERS"]


@pytest.mark.parametrize(
    ("target", "words"), [("snowflake:nosuch", "there are shop, wrong"), ("snowflake:wrong", "user or password")]
)
def test_a_connection_that_is_no_good_is_one_clear_error(run: Run, target: str, words: str) -> None:
    done = run("check", "SELECT 1 FROM ORDERS", "--warehouse", target)
    assert done.returncode == 1
    assert words in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_a_key_pair_signs_on_and_another_key_is_told_from_it(fake_snowflake: Any, run: Run, tmp_path: Path) -> None:
    mine, other = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
    public = base64.b64encode(mine.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
    fake_snowflake.run(
        f"CREATE USER SIGNER RSA_PUBLIC_KEY = '{public}' DEFAULT_ROLE = ACCOUNTADMIN",
        "GRANT ROLE ACCOUNTADMIN TO USER SIGNER",
    )
    plain = {k: v for k, v in fake_snowflake.connection(database="SHOP", schema="PUBLIC").items() if k != "password"}
    connections = {}
    for name, key in (("signed", mine), ("forged", other)):
        file = tmp_path / f"{name}.p8"
        file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        signs = {"user": "SIGNER", "authenticator": "SNOWFLAKE_JWT", "private_key_file": str(file), "login_timeout": 2}
        connections[name] = plain | signs
    fake_snowflake.connections_toml(tmp_path / "home" / "connections.toml", connections)
    fake_snowflake.completions([{"answer": COUNT}])
    asked = ["ask", "How many orders are there?", "--model", "cortex:m", "--json", "--warehouse"]
    answer = json.loads(run(*asked, "snowflake:signed").stdout)
    assert (answer["status"], answer["rows"]) == ("answered", [[2]])
    refused = run(*asked, "snowflake:forged")
    assert refused.returncode == 1
    assert "does not accept this key pair" in json.loads(refused.stdout)["message"]
    assert "Traceback" not in refused.stderr
