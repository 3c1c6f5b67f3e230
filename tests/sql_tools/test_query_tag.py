"""The tag of a statement: compact JSON, by request, never too long."""

import json
import threading

from sql_tools.query_tag import MAX_TAG_CHARS, query_tag, tagged


def test_fields_inside_carry_those_around_and_end_with_their_block() -> None:
    with tagged(request="r", model=""):
        with tagged(stage="execute"):
            assert json.loads(query_tag()) == {"app": "arctic-copilot", "request": "r", "stage": "execute"}
        assert "stage" not in query_tag()
    assert json.loads(query_tag()) == {"app": "arctic-copilot"}


def test_a_tag_is_compact_and_short_enough_for_the_engine() -> None:
    with tagged(**{f"field{n}": "x" * 5000 for n in range(50)}):
        text = query_tag()
    assert len(text) <= MAX_TAG_CHARS
    assert ", " not in text
    assert json.loads(text)["app"] == "arctic-copilot"


def test_threads_do_not_see_each_others_tags() -> None:
    seen: list[str] = []
    with tagged(request="mine"):
        other = threading.Thread(target=lambda: seen.append(query_tag()))
        other.start()
        other.join()
    assert "mine" not in seen[0]
