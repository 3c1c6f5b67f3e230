"""What a message wants by its words alone: cases in three languages, and ordinary questions that are none of them."""

import pytest

from sql_tools.conversation.intents import intent_of
from sql_tools.models import Intent


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("Hello!", "help"), ("What can I ask?", "help"), ("which tables are there?", "help"), ("what does status mean?", "help"),
        ("How recent is the data?", "help"), ("こんにちは", "help"), ("どんなデータがありますか", "help"), ("Was kann ich fragen?", "help"),
        ("Wie aktuell sind die Daten?", "help"), ("show me the numbers", "vague"), ("Wie läuft's?", "vague"), ("何か面白いデータを見せて", "vague"),
        ("How many students are younger than 25?", "question"), ("Who are younger than 25?", "question"), ("What does each person earn?", "question"),
        ("Which data plans cost more than 10?", "question"), ("2024年の件数は？", "question"), ("Wie viele Kunden gibt es?", "question"),
    ],
)  # fmt: skip
def test_of_a_first_message(text: str, intent: Intent) -> None:
    assert intent_of(text, has_history=False) == intent


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("only 2025", "follow_up"), ("and by station?", "follow_up"), ("without the cancelled ones", "follow_up"), ("2024年だけ", "follow_up"),
        ("ジャンル別に", "follow_up"), ("nur 2024", "follow_up"), ("ohne stornierte", "follow_up"), ("und pro Jahr?", "follow_up"),
        ("Explain this SQL", "explain"), ("Where does this number come from?", "explain"), ("根拠は？", "explain"), ("Woher kommt die Zahl?", "explain"),
        ("How many bikes are there?", None), ("Which stations have more than 20 docks?", None), ("thanks", "help"),
    ],
)  # fmt: skip
def test_after_an_answer(text: str, intent: Intent | None) -> None:
    assert intent_of(text, has_history=True) == intent
