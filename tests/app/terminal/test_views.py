import io
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from app.terminal import views
from app.terminal.console import Terminal
from sql_tools.copilot import CheckReport
from sql_tools.models import Answer, Check, OutputColumn, Proof, ResultColumn, SourceColumn, TableUsed
from sql_tools.proof.replay import ReplayReport


@pytest.fixture
def terminal() -> Terminal:
    return Terminal()


def shown(answer: Answer, terminal: Terminal, *, width: int = 80, encoding: str = "utf-8") -> str:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="replace")
    terminal.out = Console(file=stream, width=width, highlight=False)
    terminal.show(views.answer(answer, terminal))
    stream.flush()
    return stream.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]


def answered(*rows: tuple[Any, ...], columns: int = 1, **more: Any) -> Answer:
    names = tuple(ResultColumn(name=f"column {i}", type="X") for i in range(columns))
    return Answer(status="answered", question="q", columns=names, rows=rows, row_count=len(rows), **more)


def test_twenty_rows_are_shown_and_the_others_counted(terminal: Terminal) -> None:
    text = shown(answered(*((f"row-{i}",) for i in range(25))), terminal)
    assert text.count("row-") == 20
    assert "5 more rows" in text


def test_a_cut_result_says_so(terminal: Terminal) -> None:
    assert "cut at 2 rows" in shown(answered((1,), (2,), truncated=True), terminal)


def test_a_query_that_counts_each_row_once_is_offered(terminal: Terminal) -> None:
    text = shown(answered((1,), rewritten="SELECT 2"), terminal)
    assert "With each row counted once:" in text
    assert "SELECT 2" in text
    assert "counted once" not in shown(answered((1,)), terminal)


def test_a_verdict_names_what_may_be_wrong_though_it_is_allowed(
    terminal: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    doubt = Check(name="values_are_held", outcome="warned", detail="no row holds 'x'")
    report = CheckReport(allowed=True, sql="SELECT 1", checks=(doubt,), rewritten="SELECT 2")
    terminal.show(views.check_report(report, terminal))
    text = capsys.readouterr().out
    assert "Allowed" in text
    assert "values are held  no row holds 'x'" in text
    assert "SELECT 2" in text


def test_markup_and_control_characters_of_others_do_nothing(terminal: Terminal) -> None:
    text = shown(answered(("[red]a[/red]\x1b[2J\x07\u202e",), sql="SELECT '\x1b[2J[b]'"), terminal)
    assert "[red]a[/red]" in text
    assert "[b]" in text
    assert not {"\x1b", "\x07", "\u202e"} & set(text)


@pytest.mark.parametrize("width", [20, 40, 80])
def test_lines_fit_the_terminal(terminal: Terminal, width: int) -> None:
    answer = answered(("x" * 150, Decimal("1234567.89"), "日本語" * 20), columns=3, message="word " * 30)
    assert max(len(line) for line in shown(answer, terminal, width=width).splitlines()) <= width


def test_many_columns_are_shown_one_below_the_other(terminal: Terminal) -> None:
    text = shown(answered(tuple(range(30)), columns=30), terminal)
    assert "row 1" in text
    assert "column 29" in text


def test_failed_checks_and_null_are_told_apart_without_colour(terminal: Terminal) -> None:
    checks = (Check(name="good", outcome="passed"), Check(name="bad", outcome="warned", detail="why"))
    text = shown(answered((None,), ("null and void",), checks=checks), terminal)
    assert "✓ good" in text
    assert "✗ bad  why" in text


def test_a_terminal_without_unicode_gets_plain_letters(terminal: Terminal) -> None:
    text = shown(answered(("é",), checks=(Check(name="good", outcome="passed"),)), terminal, encoding="ascii")
    assert "ok good" in text
    assert "+---" in text


@pytest.mark.parametrize(
    ("status", "word"),
    [("refused", "Refused"), ("abstained", "Declined"), ("clarify", "A question back"), ("failed", "Failed")],
)
def test_what_is_no_answer_says_what_it_is(terminal: Terminal, status: Any, word: str) -> None:
    assert f"{word}: Because." in shown(Answer(status=status, question="q", message="Because."), terminal)


def test_numbers_are_never_cut_and_long_text_is(terminal: Terminal) -> None:
    text = shown(answered((12345678901234567890, "word " * 50), columns=2), terminal, width=60)
    assert "12345678901234567890" in text
    assert "…" in text
    assert "word word" in text


CARD = Proof(
    reading="Counts rows of orders joined with customer on their key.",
    columns=(OutputColumn(name="n", expression="COUNT(*)", sources=(SourceColumn(table="orders", column="*"),)),),
    tables=(TableUsed(name="orders", row_count=15000), TableUsed(name="customer")),
    joins=(),
    filters=("customer.name is '[b]\x1b[2J'",),
    dialect="duckdb",
    sql="SELECT 1",
    sql_hash="5" * 64,
    warehouse="demo",
    role="ann@local",
    query_id="q-1",
    model="local",
    weights=f"sha256:{'a' * 64}",
    prompt_hash="6" * 64,
    catalog_hash="7" * 64,
    rows_hash="8" * 64,
    time="2026-01-01T00:00:00+00:00",
    checks=(),
)
CHECKS = (Check(name="good_one", outcome="passed", detail="fine"), Check(name="bad", outcome="warned", detail="why"))


def printed(answer: Answer, terminal: Terminal, *, width: int = 80, **options: bool) -> str:
    terminal.out = Console(file=io.StringIO(), width=width)
    terminal.show(views.answer(answer, terminal, **options))
    return str(terminal.out.file.getvalue())  # type: ignore[attr-defined]


def test_the_card_is_short_first_and_says_every_check_that_failed(terminal: Terminal) -> None:
    text = printed(answered((1,), checks=CHECKS, proof=CARD), terminal)
    for part in ("In words", "Counts rows of orders", "orders (15,000 rows), customer", "meant.", "bad  why"):
        assert part in text
    assert not any(part in text for part in ("fine", "good one", "ann@local"))


def test_details_unfold_checks_columns_filters_and_hashes(terminal: Terminal) -> None:
    text = printed(answered((1,), checks=CHECKS, proof=CARD), terminal, details=True)
    for part in (
        "good one  fine",
        "from rows of orders",
        "ann@local",
        "sha256:aaaaaaaaaaaa",
        "rows 888888888888",
        "[b]",
    ):
        assert part in text
    assert "\x1b" not in text


def test_without_a_card_every_check_is_listed(terminal: Terminal) -> None:
    assert "good one  fine" in printed(Answer(status="failed", question="q", checks=CHECKS), terminal)


@pytest.mark.parametrize("width", [30, 60])
def test_the_card_fits_the_terminal(terminal: Terminal, width: int) -> None:
    text = printed(answered((1,), proof=CARD), terminal, width=width, details=True)
    assert max(map(len, text.splitlines())) <= width


@pytest.mark.parametrize(("status", "sign"), [("same", "✓"), ("changed", "✗")])
def test_a_replay_says_what_changed(terminal: Terminal, status: Any, sign: str) -> None:
    changed = status == "changed"
    report = ReplayReport(
        status=status, message="What it was.", data_changed=changed, sql_changed=False, catalog_changed=False,
        sql="SELECT 1", warehouse="demo", time="then",
    )  # fmt: skip
    terminal.out = Console(file=io.StringIO(), width=80)
    terminal.show(views.replay_report(report, terminal))
    text = terminal.out.file.getvalue()  # type: ignore[attr-defined]
    assert f"{sign} What it was." in text
    assert f"data  {'changed' if changed else 'as it was'}" in text
    assert "SQL  as it was" in text


def test_what_is_to_be_copied_is_never_wrapped(terminal: Terminal, capsys: pytest.CaptureFixture[str]) -> None:
    running = SimpleNamespace(url="http://127.0.0.1:8080/v1", model="local", api_key="k" * 43)
    terminal.out = Console(width=40)
    terminal.show(views.server(running), whole_lines=True)  # type: ignore[arg-type]
    lines = capsys.readouterr().out.splitlines()
    assert f"export ARCTIC_COPILOT_API_KEY={'k' * 43}" in lines
    assert any(line.startswith("arctic-copilot ask") and line.endswith('there?"') for line in lines)
