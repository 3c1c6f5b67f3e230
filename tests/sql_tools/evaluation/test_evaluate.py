import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sql_tools.errors import ModelError, SettingsError
from sql_tools.evaluation import evaluate as evaluate_module
from sql_tools.evaluation.evaluate import EvalQuestion, evaluate, read_questions
from sql_tools.evaluation.gold import GoldError, is_ordered, run_gold
from sql_tools.evaluation.report import EvalReport, wilson95
from sql_tools.models import Answer
from sql_tools.settings import Settings

CONTRACT = {"questions", "scored", "correct", "accuracy", "interval95", "by_status"}
CONTRACT |= {"seconds_median", "model", "seed", "git_commit"}
TWICE = json.dumps([{"id": 1, "db_id": "x", "question": "q", "query": "s"}] * 2)
FOREVER = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


class FakeWarehouse:
    """Only what evaluate itself touches."""

    def __init__(self, path: str) -> None:
        self.path = path

    def close(self) -> None: ...


@pytest.fixture(autouse=True)
def fake_warehouses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        evaluate_module, "open_warehouse", lambda target, settings: FakeWarehouse(target), raising=False
    )


@pytest.fixture
def databases(tmp_path: Path) -> Path:
    folder = tmp_path / "databases"
    folder.mkdir()
    with sqlite3.connect(folder / "shop.sqlite") as connection:
        connection.execute("CREATE TABLE sales (id INTEGER, name TEXT)")
        connection.executemany("INSERT INTO sales VALUES (?, ?)", [(1, "a"), (2, "b"), (3, "c")])
    return folder


def question(id: int, query: str = "SELECT id FROM sales", db_id: str = "shop") -> EvalQuestion:
    return EvalQuestion(id=id, db_id=db_id, question=f"question {id}", query=query)


def answers(*rows: tuple[Any, ...], status: Any = "answered", **more: Any) -> Callable[..., Answer]:
    return lambda text, warehouse: Answer(question=text, sql="SELECT", status=status, rows=rows, **more)


def run(questions: list[EvalQuestion], databases: Path, ask_one: Callable[..., Answer], **options: Any) -> EvalReport:
    return evaluate(questions, databases, ask_one, settings=Settings(), model_name="fake", **options)


def lines(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "questions.jsonl").read_text().splitlines()]


def test_the_same_rows_are_correct(databases: Path) -> None:
    report = run([question(1)], databases, answers((3,), (1,), (2,)))
    assert (report.scored, report.correct, report.accuracy) == (1, 1, 1.0)
    assert report.model_dump().keys() >= CONTRACT


def test_order_counts_where_the_gold_orders_at_top_level(databases: Path, tmp_path: Path) -> None:
    ordered = question(1, "SELECT id FROM sales ORDER BY id")
    inside = question(2, "SELECT id FROM (SELECT * FROM sales ORDER BY id)")
    report = run([ordered, inside], databases, answers((3,), (1,), (2,)), out=tmp_path / "out")
    assert report.correct == 1
    assert lines(tmp_path / "out")[0]["reason"] == "the right rows in another order"


def test_absent_databases_and_bad_golds_are_not_scored(databases: Path) -> None:
    questions = [question(1), question(2, db_id="nowhere"), question(3, "SELECT nope FROM sales")]
    report = run(questions, databases, answers((1,), (2,), (3,)))
    assert (report.questions, report.scored, report.correct) == (3, 1, 1)
    assert report.not_scored == {"no database": 1, "the gold does not run": 1}


@pytest.mark.parametrize("status", ["clarify", "abstained", "refused", "failed"])
def test_anything_but_an_answer_is_wrong(databases: Path, status: str) -> None:
    report = run([question(1)], databases, answers((1,), (2,), (3,), status=status))
    assert (report.scored, report.correct, report.by_status) == (1, 0, {status: 1})
    assert report.not_run == (status == "failed")


def test_a_cut_result_is_wrong(databases: Path) -> None:
    assert run([question(1)], databases, answers((1,), (2,), (3,), truncated=True)).correct == 0


@pytest.mark.parametrize("error", [ModelError("the model is gone"), KeyError("oops")])
def test_an_error_in_one_question_is_that_questions_failure(databases: Path, tmp_path: Path, error: Exception) -> None:
    def ask_one(text: str, warehouse: object) -> Answer:
        if text == "question 1":
            raise error
        return answers((1,), (2,), (3,))(text, warehouse)

    report = run([question(1), question(2)], databases, ask_one, out=tmp_path / "out")
    assert report.by_status == {"answered": 1, "failed": 1}
    assert str(error.args[0]) in lines(tmp_path / "out")[0]["reason"]


def test_a_sample_is_drawn_over_ids_in_order_and_reversed_input_changes_nothing(
    databases: Path, tmp_path: Path
) -> None:
    questions = [question(id) for id in range(50)] + [question(99, db_id="nowhere")]
    for name, given in (("a", questions), ("b", questions[::-1])):
        run(given, databases, answers((1,)), limit=5, seed=7, out=tmp_path / name)
    drawn = [line["id"] for line in lines(tmp_path / "a")]
    assert drawn == [3, 9, 20, 25, 41] == [line["id"] for line in lines(tmp_path / "b")]


def test_a_stopped_run_goes_on_where_it_was(databases: Path, tmp_path: Path) -> None:
    asked: list[str] = []

    def stop_at_third(text: str, warehouse: object) -> Answer:
        if len(asked) == 2:
            raise KeyboardInterrupt
        asked.append(text)
        return answers((1,), (2,), (3,))(text, warehouse)

    questions = [question(id) for id in range(4)]
    with pytest.raises(KeyboardInterrupt):
        run(questions, databases, stop_at_third, out=tmp_path)
    with (tmp_path / "questions.jsonl").open("a") as file:
        file.write('{"id": 2, "cut off by a cr')
    report = run(questions, databases, answers((9,)), out=tmp_path)
    assert [line["correct"] for line in lines(tmp_path)] == [True, True, False, False]
    assert (report.scored, report.correct) == (4, 2)


def test_a_folder_of_another_run_is_refused(databases: Path, tmp_path: Path) -> None:
    run([question(1)], databases, answers((1,)), seed=7, out=tmp_path)
    with pytest.raises(SettingsError, match="another seed") as caught:
        run([question(1)], databases, answers((1,)), seed=8, out=tmp_path)
    assert "another folder" in caught.value.hint


def test_a_run_made_by_other_code_is_refused(databases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run([question(1)], databases, answers((1,)), out=tmp_path / "out")
    (tmp_path / "edited.py").write_text("changed = True")
    monkeypatch.setattr(evaluate_module, "_code", lambda: [tmp_path / "edited.py"])
    with pytest.raises(SettingsError, match="another code"):
        run([question(1)], databases, answers((1,)), out=tmp_path / "out")


def test_a_run_with_another_semantic_file_is_refused(databases: Path, tmp_path: Path) -> None:
    def with_file(text: str) -> EvalReport:
        (tmp_path / "shop.yaml").write_text(text)
        settings = Settings(semantic=str(tmp_path / "shop.yaml"))
        return evaluate([question(1)], databases, answers((1,)), settings=settings, out=tmp_path / "out")

    with_file("name: one")
    with pytest.raises(SettingsError, match="another semantic"):
        with_file("name: two")


def test_progress_counts_to_the_end(databases: Path) -> None:
    seen: list[tuple[int, int, bool]] = []
    run(
        [question(1), question(2)],
        databases,
        answers((1,), (2,), (3,)),
        on_progress=lambda done, total, verdict: seen.append((done, total, verdict.correct)),
    )
    assert seen == [(1, 2, True), (2, 2, True)]


def test_a_database_that_will_not_open_fails_its_questions_only(
    databases: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(target: str, settings: Settings) -> FakeWarehouse:
        raise OSError("no")

    monkeypatch.setattr(evaluate_module, "open_warehouse", refuse, raising=False)
    assert run([question(1)], databases, answers()).by_status == {"failed": 1}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("not json", "not a list"),
        ("{}", "not a list"),
        ('[{"id": 1, "db_id": "x", "question": "q"}]', "0.query"),
        (TWICE, "twice"),
    ],
)
def test_bad_question_files_are_named(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "questions.json").write_text(text)
    with pytest.raises(SettingsError, match=problem):
        read_questions(tmp_path / "questions.json")


def test_absent_files_are_named(databases: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="Cannot read"):
        read_questions(tmp_path / "nowhere.json")
    with pytest.raises(SettingsError, match="no folder"):
        run([question(1)], tmp_path / "nowhere", answers())


def test_a_gold_cannot_write_or_run_forever(databases: Path) -> None:
    with pytest.raises(GoldError, match="readonly"):
        run_gold(databases / "shop.sqlite", "DELETE FROM sales", timeout_seconds=5)
    with pytest.raises(GoldError, match=r"longer than 0\.1 s"):
        run_gold(databases / "shop.sqlite", FOREVER, timeout_seconds=0.1)


def test_text_that_is_not_utf8_is_read(databases: Path) -> None:
    rows = run_gold(databases / "shop.sqlite", "SELECT CAST(x'61ff62' AS TEXT)", timeout_seconds=5)
    assert rows == [("ab",)]


@pytest.mark.parametrize(
    ("sql", "ordered"),
    [
        ("SELECT a FROM t ORDER BY a LIMIT 1", True),
        ("SELECT a FROM t UNION SELECT b FROM u ORDER BY 1", True),
        ("SELECT a FROM (SELECT a FROM t ORDER BY a)", False),
        ("SELECT rank() OVER (ORDER BY a) FROM t", False),
    ],
)
def test_only_the_outermost_order_counts(sql: str, ordered: bool) -> None:
    assert is_ordered(sql) is ordered


def test_the_interval_is_wilsons() -> None:
    assert wilson95(67, 100) == (0.5731, 0.7544)
    assert wilson95(0, 0) == (0.0, 1.0)
