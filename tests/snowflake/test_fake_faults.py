"""What tests can make go wrong on the fake, and what its models and services answer."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

pytest.importorskip("snowflake.snowpark")

ANSWER = "SELECT 'it''s' -- one \\ and two \\\\\n\tFROM T"


def test_a_slow_statement_times_out_and_a_failing_one_fails_once(fake_snowflake):
    fake_snowflake.slow("SELECT 5", seconds=30)
    fake_snowflake.fail("SELECT 6", 90073, "Warehouse 'COMPUTE_WH' cannot be resumed", once=True)
    with fake_snowflake.admin() as session:
        with pytest.raises(Exception, match="000630"):
            session.sql("SELECT 5").collect(statement_params={"STATEMENT_TIMEOUT_IN_SECONDS": 1})
        with pytest.raises(Exception, match="090073"):
            session.sql("SELECT 6").collect()
        assert session.sql("SELECT 6").collect()[0][0] == 6


def test_the_warehouse_s_own_limit_is_a_floor(fake_snowflake):
    fake_snowflake.run("ALTER WAREHOUSE COMPUTE_WH SET STATEMENT_TIMEOUT_IN_SECONDS = 1")
    with pytest.raises(Exception, match="000630"):
        fake_snowflake.run("SELECT SYSTEM$WAIT(20)")


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnhandledThreadExceptionWarning"
)  # the connector's own, which cancels in vain
def test_a_cut_line_breaks_a_running_query(fake_snowflake):
    import snowflake.connector

    with fake_snowflake.line() as line:
        connection = snowflake.connector.connect(
            **fake_snowflake.connection(port=line.port, network_timeout=3, login_timeout=3)
        )
        threading.Timer(0.3, line.cut).start()
        started = time.monotonic()
        with pytest.raises(snowflake.connector.errors.Error):
            connection.cursor().execute("SELECT SYSTEM$WAIT(30)", timeout=3)
        assert time.monotonic() - started < 20
        connection.close(retry=False)  # else the connector tries at exit, when the server is gone


def test_models_answer_from_the_script_and_what_they_were_asked_is_kept(fake_snowflake):
    fake_snowflake.completions([{"match": "orders", "answer": ANSWER}, {"match": "bad", "error": "quota"}])
    with fake_snowflake.admin() as session:
        assert session.sql("SELECT AI_COMPLETE('m', ?) AS A", params=["count orders"]).collect()[0][0] == ANSWER
        named = "SELECT AI_COMPLETE(model => 'm', prompt => ?, model_parameters => {'temperature': 0, 'max_tokens': 5}, show_details => TRUE)"
        told = json.loads(session.sql(named, params=["orders?"]).collect()[0][0])
        assert told["choices"][0]["messages"].startswith("SELECT")
        for prompt, said in (("bad", "quota"), ("else", "unknown model")):
            with pytest.raises(Exception, match=said):
                session.sql("SELECT AI_COMPLETE('m', ?)", params=[prompt]).collect()
    asked = fake_snowflake.prompts()
    assert [one["prompt"] for one in asked] == ["count orders", "orders?", "bad", "else"]
    assert asked[1]["said"]["model_parameters"] == {"temperature": 0, "max_tokens": 5}


def test_a_service_function_is_posted_to_its_service(fake_snowflake):
    posted = []

    class Service(BaseHTTPRequestHandler):
        def do_POST(self):
            posted.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"data": [[0, {"text": ANSWER}]]}).encode())

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    spec = "$$spec: {containers: [{name: m, image: /d/s/r/i:1}], endpoints: [{name: a, port: 1}]}$$"
    fake_snowflake.run(
        "CREATE DATABASE D", "CREATE ROLE R", "GRANT ROLE R TO USER ADMIN", "GRANT USAGE ON DATABASE D TO ROLE R",
        "GRANT USAGE, CREATE SERVICE, CREATE FUNCTION ON SCHEMA D.PUBLIC TO ROLE R",
        "CREATE COMPUTE POOL P MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = CPU_X64_XS", "USE ROLE R",
        f"CREATE SERVICE D.PUBLIC.S IN COMPUTE POOL P FROM SPECIFICATION {spec}",
        "CREATE FUNCTION D.PUBLIC.F(A VARCHAR, B INT) RETURNS VARIANT SERVICE = D.PUBLIC.S ENDPOINT = a AS '/go'",
    )  # fmt: skip
    with fake_snowflake.admin(database="D") as session:
        with pytest.raises(Exception, match="no running instance"):
            session.sql("SELECT D.PUBLIC.F('x', 1)").collect()
        fake_snowflake.ask("service", function="D.PUBLIC.F", url=f"http://127.0.0.1:{server.server_port}")
        assert json.loads(session.sql("SELECT F(?, 1) AS A", params=["q"]).collect()[0][0]) == {"text": ANSWER}
        assert session.sql("SELECT D.PUBLIC.F('x', 1):text::VARCHAR AS A").collect()[0][0] == ANSWER
    assert posted[0] == ("/go", {"data": [[0, "q", 1]]})
    server.shutdown()
