"""No stored value reaches a model elsewhere unless that is allowed: canaries in every place, all kinds of engine errors."""

import ast
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import duckdb
import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.messages import BaseMessage
from openai import APIStatusError
from pydantic import Field

from sql_tools import Question, Settings, Turn, ask, open_warehouse
from sql_tools.llms import create_model
from sql_tools.query.text import without_texts
from sql_tools.warehouses import Warehouse

CANARY = "canary4711"
ROWS = f"""
CREATE TYPE mood AS ENUM ('{CANARY}-sad', 'it''s {CANARY}');
CREATE TABLE people (id INTEGER PRIMARY KEY, name VARCHAR, secret VARCHAR, m mood, pattern VARCHAR, big BIGINT,
    tags VARCHAR[], s STRUCT(a VARCHAR, b INTEGER), j VARCHAR, "it's city" VARCHAR);
INSERT INTO people VALUES (1, '{CANARY}', '{CANARY} 99', '{CANARY}-sad', '[{CANARY}', 9223372036854775807, ['{CANARY}'],
    {{'a': '{CANARY}', 'b': 1}}, '{{{CANARY}', 'Oslo'), (2, 'x', 'y', NULL, 'z', 2, ['q'], NULL, 'n', 'Rome')
"""
FAILING = {
    "a cast to a number": "SELECT CAST(secret AS INTEGER) FROM people",
    "a cast to a small number": "SELECT CAST(secret AS TINYINT) FROM people",
    "a cast to a decimal": "SELECT CAST(name AS DECIMAL(5, 2)) FROM people",
    "a cast to a date": "SELECT CAST(secret AS DATE) FROM people",
    "a cast to a time": "SELECT CAST(secret AS TIMESTAMP) FROM people",
    "a cast to an interval": "SELECT CAST(secret AS INTERVAL) FROM people",
    "a cast to a truth": "SELECT CAST(secret AS BOOLEAN) FROM people",
    "a cast to a UUID": "SELECT CAST(secret AS UUID) FROM people",
    "a cast to a blob": "SELECT CAST(name || '\\xZZ' AS BLOB) FROM people",
    "a cast to a label": "SELECT CAST(secret AS mood) FROM people",
    "a cast to a list": "SELECT CAST(secret AS INTEGER[]) FROM people",
    "a cast to JSON": "SELECT CAST(j AS JSON) FROM people",
    "a date's pattern": "SELECT strptime(secret, '%Y-%m-%d') FROM people",
    "a number too large": "SELECT big + big FROM people",
    "a sum too large": "SELECT big * big FROM people",
    "a number out of range": "SELECT CAST(big AS SMALLINT) FROM people",
    "a pattern of the data": "SELECT regexp_matches(name, pattern) FROM people",
    "a format of the data": "SELECT printf(secret || '%d', name) FROM people",
    "several rows for one": "SELECT (SELECT name FROM people) FROM people",
    "a sign too large": "SELECT chr(CAST(big % 2000000000 AS INTEGER)) FROM people",
    "a date that is none": "SELECT make_date(2024, 13, CAST(id AS INTEGER)) FROM people",
    "a name that is not there": "SELECT nope FROM people",
    "a function's arguments": "SELECT date_trunc('month', name) FROM people",
    "a table that is not there": "SELECT * FROM nowhere",
    "words that do not parse": f"SELECT FROM WHERE '{CANARY}",
}
ELSEWHERE = "http://model.example/v1#m"


class Watching(FakeListChatModel):
    """Writes what it is told to write, and keeps all that it was sent."""

    sent: list[str] = Field(default_factory=list)

    def _call(self, messages: list[BaseMessage], *args: Any, **options: Any) -> str:
        self.sent.append("\n".join(str(message.content) for message in messages))
        return super()._call(messages, *args, **options)


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    path: Path = tmp_path_factory.mktemp("people") / "people.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(ROWS)
    opened = open_warehouse(str(path), Settings(cache_dir=path.parent))
    yield opened
    opened.close()


def sent(question: Question | str, drafts: list[str], people: Warehouse, tmp_path: Path, **options: Any) -> list[str]:
    settings = Settings(cache_dir=tmp_path, model=ELSEWHERE, max_repairs=1, abstain_above=1, **options)
    model = Watching(responses=drafts, sent=[])
    ask(question, people, model, settings)
    return model.sent


@pytest.mark.parametrize("kind", FAILING)
def test_an_engines_complaint_reaches_the_model_without_its_values(
    kind: str, people: Warehouse, tmp_path: Path
) -> None:
    texts = sent("How many people are there?", [FAILING[kind]], people, tmp_path)
    assert len(texts) > 1  # it was asked again, and told why
    assert "That query is wrong" in texts[1]
    told = texts[1].partition("That query is wrong")[2]
    assert CANARY not in texts[0]
    assert CANARY not in told
    assert "9223372036854775807" not in told


def test_nothing_stored_is_in_a_first_prompt(people: Warehouse, tmp_path: Path) -> None:
    (text,) = sent(f"Who has the secret {CANARY} 99?", ["SELECT id FROM people"], people, tmp_path)
    asked = text.replace(f"Who has the secret {CANARY} 99?", "")
    assert CANARY not in asked
    assert "Oslo" not in asked
    assert "ENUM" in asked


def test_an_earlier_turns_sql_comes_without_its_texts(people: Warehouse, tmp_path: Path) -> None:
    sql = f"""SELECT "it's city", name FROM people WHERE name = '{CANARY}' AND j = E'{CANARY}' AND secret = $${CANARY}$$ -- {CANARY}"""
    earlier = Question(text="And now?", history=(Turn(question="Who?", sql=sql),))
    (text,) = sent(earlier, ["SELECT id FROM people"], people, tmp_path)
    assert CANARY not in text
    assert "\"it's city\", name FROM people WHERE name = '…'" in text


def test_where_it_is_allowed_values_are_shown(people: Warehouse, tmp_path: Path) -> None:
    texts = sent("How many?", [FAILING["a cast to a number"]], people, tmp_path, share_values=True)
    assert CANARY in texts[1]


@pytest.mark.parametrize("sql", ["SELECT 'a", "SELECT $$a", 'SELECT "a', "SELECT /* a"])
def test_sql_that_is_not_made_of_tokens_is_left_out(sql: str) -> None:
    assert "a" not in without_texts(sql, "duckdb").replace("SELECT", "").replace('"a', "")


def test_a_redirect_is_not_followed(tmp_path: Path) -> None:
    """A server that answers 307 to another host: the prompt stays where it was meant to go."""
    got: list[str] = []

    class Thief(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(500)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    thief = ThreadingHTTPServer(("127.0.0.1", 0), Thief)

    class Server(Thief):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(307)
            self.send_header("Location", f"http://127.0.0.1:{thief.server_port}/v1/chat/completions")
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    for one in (thief, server):
        threading.Thread(target=one.serve_forever, daemon=True).start()
    model = create_model(Settings(cache_dir=tmp_path, model=f"http://127.0.0.1:{server.server_port}/v1#m"))
    with pytest.raises(APIStatusError):
        model.invoke("the prompt")
    for one in (thief, server):
        one.shutdown()
    assert got == []


def calls(file: Path) -> set[str]:
    """What is called in it: `HumanMessage`, and methods with the last name of what they are called on, as `model.invoke`."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            found.add(node.func.id)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            on = node.func.value
            found.add(f"{getattr(on, 'attr', getattr(on, 'id', ''))}.{node.func.attr}")
    return found


def test_one_file_writes_prompts_and_one_sends_them() -> None:
    root = Path(__file__).parents[2]
    files = {
        str(f.relative_to(root)): calls(f) for folder in ("app", "sql_tools") for f in (root / folder).rglob("*.py")
    }
    sending = {f"model.{verb}" for verb in ("generate", "invoke", "stream", "batch", "ainvoke", "astream", "bind")}
    assert [f for f, called in files.items() if called & {"HumanMessage", "SystemMessage"}] == ["sql_tools/prompt.py"]
    assert [f for f, called in files.items() if called & sending] == ["sql_tools/llms/send.py"]
