"""The chat with a semantic file: its verified questions are offered first, and their answers say who verified them."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
import streamlit as st
from langchain_core.language_models import FakeListChatModel
from streamlit.testing.v1 import AppTest

from app.chat import turn as chat

PAGE = Path(chat.__file__).parents[1] / "streamlit_app.py"
FILE = """
name: shop
tables:
  - name: deals
    base_table: {table: SALES}
    metrics: [{name: takings, expr: SUM(PRICE)}]
verified_queries:
  - question: How much did we take?
    sql: SELECT takings FROM deals
    verified_by: Ann
    verified_at: 2025-11-27
    use_as_onboarding_question: true
  - {question: How much was the most?, sql: SELECT MAX(PRICE) FROM deals}
"""


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppTest]:
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as connection:
        connection.execute("CREATE TABLE sales (id INTEGER, price DECIMAL(9, 2))")
        connection.execute("INSERT INTO sales VALUES (1, 9.50), (2, 0.50)")
    (tmp_path / "shop.yaml").write_text(FILE)
    for name, value in (
        ("CACHE_DIR", tmp_path),
        ("WAREHOUSE", tmp_path / "shop.duckdb"),
        ("SEMANTIC", tmp_path / "shop.yaml"),
    ):
        monkeypatch.setenv(f"ARCTIC_COPILOT_{name}", str(value))
    monkeypatch.setattr(chat, "open_model", lambda settings, **kwargs: FakeListChatModel(responses=["SELECT 1"]))
    st.cache_resource.clear()
    page = AppTest.from_file(str(PAGE), default_timeout=30).run()
    for _ in range(100):
        if any(button.key == "suggestion-0" for button in page.button):
            break
        page.run()
    yield page
    st.cache_resource.clear()


def test_a_verified_question_is_offered_first_and_its_answer_says_who_verified_it(page: AppTest) -> None:
    offered = [button for button in page.button if str(button.key).startswith("suggestion-")]
    assert offered[0].label == "How much did we take?"
    assert "How much was the most?" not in [button.label for button in offered]
    offered[0].click().run()
    for _ in range(100):
        if page.metric:
            break
        page.run()
    assert page.metric[0].value.replace("\\", "") == "10.00"  # as Markdown: Streamlit reads a metric as such
    shown = "\n".join(element.value for element in page.markdown).replace("\\", "")
    assert "**Query** verified by Ann on 2025-11-27, in shop.yaml" in shown
    assert "**Metric** takings = SUM(price), as shop.yaml defines it" in shown
