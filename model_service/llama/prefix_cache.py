"""The unchanging beginning of a conversation, kept on disk as llama.cpp's own state, so that no start reads it again.

Reading a schema of 2,000 tokens takes a CPU half a minute; loading its saved state takes milliseconds. llama.cpp aborts
on a cut-short state file, so each file carries a seal (size and SHA-256) and one without a matching seal is not used.
"""

import hashlib
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from model_service.errors import ServerError
from model_service.llama.client import LocalModel

READ_SECONDS = 900.0  # for a long prompt on a slow machine
SLOT_SECONDS = 60.0
KEEP_BYTES = 2 * 1024**3  # older states beyond this are removed


@dataclass(frozen=True)
class Warmth:
    """What `warm` did: prefix tokens now held, whether they came from disk, and how long it took."""

    tokens: int
    restored: bool
    seconds: float


def warm(model: LocalModel, messages: Sequence[Mapping[str, str]], key: str, *, slots: int = 1) -> Warmth:
    """Make the server hold `messages` (system and schema, without the question); read once, restored ever after.

    `slots` above 1 is for asking different questions in parallel: each slot gets its own copy. One request with n > 1
    needs only one. Raises ServerError.
    """
    started = time.monotonic()
    idle = _idle_slots(model)[:slots]
    if not idle:  # all busy with questions: theirs is the better use of the machine
        return Warmth(0, False, 0.0)
    state = _state_path(model, messages, key)
    if restored := _is_sealed(state):
        tokens = _restore(model, state, idle)
    else:
        tokens = _read(model, messages, idle[0])
        _save(model, state, idle[0], tokens)
        if idle[1:] and _is_sealed(state):
            _restore(model, state, idle[1:])
    return Warmth(tokens, restored, time.monotonic() - started)


def _idle_slots(model: LocalModel) -> list[int]:
    """Slots without work, the longest unused first."""
    slots = model.call("/slots", timeout_seconds=SLOT_SECONDS)
    idle = [slot for slot in slots if not slot["is_processing"]]
    return [slot["id"] for slot in sorted(idle, key=lambda slot: slot.get("id_task", -1))]


def _state_path(model: LocalModel, messages: Sequence[Mapping[str, str]], key: str) -> Path:
    named = json.dumps([key, [dict(message) for message in messages], model.weights_id, model.version])
    return model.prefix_dir / f"{hashlib.sha256(named.encode()).hexdigest()[:32]}.bin"


def _restore(model: LocalModel, state: Path, slots: Sequence[int]) -> int:
    for slot in slots:
        path = f"/slots/{slot}?action=restore"
        answer = model.call(path, {"filename": state.name}, timeout_seconds=SLOT_SECONDS)
    os.utime(state)  # the most recently used stay longest
    return int(answer["n_restored"])


def _read(model: LocalModel, messages: Sequence[Mapping[str, str]], slot: int) -> int:
    """Prompt tokens, now in `slot`."""
    body = {"messages": list(messages), "max_tokens": 1, "temperature": 0, "cache_prompt": True, "id_slot": slot}
    answer = model.call("/v1/chat/completions", body, timeout_seconds=READ_SECONDS)
    return int(answer["usage"]["prompt_tokens"])


def _save(model: LocalModel, state: Path, slot: int, tokens: int) -> None:
    """Save and seal; a slot that another request took in between is not ours to save, and a full disk is no error."""
    fresh = state.with_name(f"{state.stem}.{os.getpid()}.new")
    try:
        path = f"/slots/{slot}?action=save"
        saved = model.call(path, {"filename": fresh.name}, timeout_seconds=SLOT_SECONDS)
        if saved["n_saved"] == tokens:
            fresh.chmod(0o600)
            seal = _seal(fresh)
            os.replace(fresh, state)
            _seal_path(state).write_text(seal)
            _prune(state.parent)
    except (OSError, ServerError):
        return
    finally:
        fresh.unlink(missing_ok=True)


def _is_sealed(state: Path) -> bool:
    try:
        return _seal_path(state).read_text() == _seal(state)
    except OSError:
        return False


def _seal(state: Path) -> str:
    with state.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _seal_path(state: Path) -> Path:
    return state.with_suffix(".sha256")


def _prune(folder: Path) -> None:
    """Remove the least recently used states beyond KEEP_BYTES."""
    states = sorted(folder.glob("*.bin"), key=lambda file: file.stat().st_mtime, reverse=True)
    kept = 0
    for state in states:
        kept += state.stat().st_size
        if kept > KEEP_BYTES and state != states[0]:
            _seal_path(state).unlink(missing_ok=True)
            state.unlink(missing_ok=True)
