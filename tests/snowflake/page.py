"""A chat page of AppTest's, whose answers come by polling."""

import threading
from collections.abc import Callable
from typing import Any

from streamlit.testing.v1 import AppTest


def settled(page: AppTest, is_settled: Callable[[AppTest], Any]) -> AppTest:
    """Run again, as the page's polling does, until it is so, or there is an error to read."""
    for _ in range(300):
        assert not page.exception, page.exception
        if is_settled(page) or page.error:
            return page
        threading.Event().wait(0.1)
        page.run()
    raise AssertionError("the page did not get there")
