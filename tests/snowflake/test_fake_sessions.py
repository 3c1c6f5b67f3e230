"""The fake's protocol, driven by the real connector and Snowpark Session."""

import subprocess
import sys
import time

import pytest

pytest.importorskip("snowflake.snowpark")


def test_a_snowpark_session_opens_queries_and_closes(fake_snowflake):
    session = fake_snowflake.admin()
    assert session.sql("SELECT CURRENT_ROLE() AS R, ? AS V", params=[7]).collect()[0].as_dict() == {
        "R": "ACCOUNTADMIN",
        "V": 7,
    }
    session.close()


def test_tags_and_parameters_of_one_statement_are_logged_and_leave_nothing_behind(fake_snowflake):
    with fake_snowflake.admin() as session:
        session.sql("SELECT 41").collect(statement_params={"QUERY_TAG": '{"app":"x"}'})
        session.sql("SELECT 42").collect()
    assert [ran["tag"] for ran in fake_snowflake.log("SELECT 4[12]")] == ['{"app":"x"}', ""]


def test_a_session_tag_stays_until_unset(fake_snowflake):
    with fake_snowflake.admin() as session:
        session.query_tag = "mine"
        session.sql("SELECT 43").collect()
        session.query_tag = None
        session.sql("SELECT 44").collect()
    assert [ran["tag"] for ran in fake_snowflake.log("SELECT 4[34]")] == ["mine", ""]


def test_a_statement_past_its_time_is_stopped(fake_snowflake):
    with fake_snowflake.admin() as session, pytest.raises(Exception, match=r"000630.*timeout of 1 second"):
        session.sql("SELECT SYSTEM$WAIT(20)").collect(statement_params={"STATEMENT_TIMEOUT_IN_SECONDS": 1})
    assert fake_snowflake.log("WAIT.20")[0]["ended"] - fake_snowflake.log("WAIT.20")[0]["started"] < 3


def test_a_busy_query_is_cancelled(fake_snowflake):
    with fake_snowflake.admin() as session:
        for sql in (
            "CREATE DATABASE D",
            "CREATE TABLE T AS SELECT SEQ4() AS A FROM TABLE(GENERATOR(ROWCOUNT => 20000))",
        ):
            session.sql(sql).collect()
        started = time.monotonic()
        job = session.sql("SELECT COUNT(*) AS N FROM T A, T B, T C WHERE A.A + B.A * C.A = 7").collect_nowait()
        time.sleep(0.3)
        session.connection.cursor().execute(f"SELECT SYSTEM$CANCEL_QUERY('{job.query_id}')")
        with pytest.raises(Exception, match=r"canceled|cancelled|000604"):
            job.result()
        assert time.monotonic() - started < 8


def test_an_expired_token_is_renewed_until_it_cannot_be(fake_snowflake):
    session = fake_snowflake.admin()
    assert fake_snowflake.expire("ADMIN") == 1
    assert session.sql("SELECT 1").collect()[0][0] == 1
    fake_snowflake.expire("ADMIN", for_good=True)
    with pytest.raises(Exception, match="390114"):
        session.sql("SELECT 2").collect()
    session.connection.close(retry=False)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"account": "OTHER"}, "290404"), ({"password": "no"}, "390100"), ({"role_name": "X"}, "390189")],
)
def test_a_wrong_sign_on_is_refused_with_its_code(fake_snowflake, wrong, said):
    import snowflake.connector

    parameters = fake_snowflake.connection() | {key.removesuffix("_name"): value for key, value in wrong.items()}
    with pytest.raises(snowflake.connector.errors.Error, match=said):
        snowflake.connector.connect(**parameters)


def test_the_server_ends_when_the_process_that_started_it_dies(fake_snowflake):
    started = (
        "import sys, os; sys.path.insert(0, sys.argv[1]); import server\n"
        "running = server.FakeSnowflake(); print(running.process.pid, flush=True); os._exit(1)"
    )
    folder = fake_snowflake.__class__.__init__.__globals__["HERE"]
    out = subprocess.run(
        [sys.executable, "-c", started, str(folder)], capture_output=True, text=True, timeout=60
    ).stdout
    assert _ended(int(out), within_seconds=10)


def _ended(pid, within_seconds):
    until = time.monotonic() + within_seconds
    while time.monotonic() < until:
        try:
            with open(f"/proc/{pid}/stat") as file:
                if file.read().split(")")[1].split()[0] == "Z":
                    return True
        except OSError:
            return True
        time.sleep(0.1)
    return False
