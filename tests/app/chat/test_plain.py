"""Text of others is shown, never interpreted."""

import pytest

from app.chat.plain import plain


@pytest.mark.parametrize(
    "text", ["$5 and $6", "*x* _y_ `z`", "[a](http://b)", "<b>", ":red[x]", ":material/home:", "# h"]
)
def test_no_markup_survives(text: str) -> None:
    marks = [i for i, letter in enumerate(plain(text)) if letter in "$*_`[]<:#" and plain(text)[i - 1 : i] != "\\"]
    assert marks == []


def test_lines_stay_lines() -> None:
    assert plain("one\ntwo") == "one  \ntwo"
