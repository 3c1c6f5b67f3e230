"""What is kept on disk is its owner's alone, and what others may have put there is not believed."""

import json
import logging
import os
import stat
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from app.crash_log import log_what_breaks, write_crash
from model_service.errors import LoadError, WrongHashError
from model_service.llama import local
from model_service.private_folder import private_folder as model_folder
from model_service.weights import store
from sql_tools import CopilotError, Settings, SettingsError, open_warehouse
from sql_tools.evaluation.completion_cache import CompletionCache
from sql_tools.settings import private_folder

needs_root = pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can act as others")


def open_to_others(root: Path) -> list[str]:
    """Files and folders that somebody else could come by: neither they nor a folder around them is closed."""
    found = []
    for path in root.rglob("*"):
        chain = [path, *(parent for parent in path.parents if parent.is_relative_to(root) and parent != root)]
        if all(one.stat().st_mode & 0o077 for one in chain):
            found.append(str(path.relative_to(root)))
    return found


def test_copies_of_a_closed_file_are_closed(tmp_path: Path) -> None:
    data = tmp_path / "closed"
    data.mkdir(mode=0o700)
    (data / "pay.csv").write_text("name,pay\nAnn,9\n")
    (data / "pay.csv").chmod(0o600)
    cache = tmp_path / "cache"
    cache.mkdir(mode=0o755)  # as a shared one may be
    before = os.umask(0o022)
    try:
        warehouse = open_warehouse(str(data), Settings(cache_dir=cache))
        warehouse.tables()
        CompletionCache(cache / "completions.db", weights="w")
        log = write_crash(ValueError("x"), cache / "logs")
        warehouse.close()
    finally:
        os.umask(before)
    assert log is not None
    assert log.is_relative_to(cache)
    assert open_to_others(cache) == []


def test_a_new_cache_is_closed_itself(tmp_path: Path) -> None:
    private_folder(tmp_path / "new" / "cache", "loaded")
    assert stat.S_IMODE((tmp_path / "new" / "cache").stat().st_mode) == 0o700


@needs_root
def test_another_users_folder_is_not_used(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    os.chown(theirs, 65534, 65534)
    with pytest.raises(SettingsError, match="another user's"):
        private_folder(theirs, "loaded")
    with pytest.raises(LoadError, match="another user's"):
        model_folder(theirs, "server")
    link = tmp_path / "link"
    link.symlink_to(theirs)
    with pytest.raises(SettingsError, match="another user's"):
        private_folder(link, "loaded")


def test_a_link_below_the_cache_is_neither_followed_nor_closed(tmp_path: Path) -> None:
    elsewhere, cache = tmp_path / "elsewhere", tmp_path / "cache"
    elsewhere.mkdir(mode=0o755)
    cache.mkdir()
    (cache / "loaded").symlink_to(elsewhere)
    with pytest.raises(SettingsError, match="is a link"):
        private_folder(cache, "loaded")
    with pytest.raises(LoadError, match="is a link"):
        model_folder(cache, "loaded")
    with pytest.raises(CopilotError, match="is a link"):
        open_warehouse(str(_data(tmp_path)), Settings(cache_dir=cache))
    assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o755
    (tmp_path / "linked").symlink_to(elsewhere)  # the cache itself may be one: that was set
    assert private_folder(tmp_path / "linked", "loaded").is_dir()


def test_a_loaded_file_that_is_a_link_is_made_anew(tmp_path: Path) -> None:
    data, cache = _data(tmp_path), tmp_path / "cache"
    open_warehouse(str(data), Settings(cache_dir=cache)).close()
    (loaded,) = (cache / "loaded").glob("*.duckdb")
    assert stat.S_IMODE(loaded.stat().st_mode) == 0o600
    other = loaded.rename(tmp_path / "other.duckdb")
    with duckdb.connect(str(other)) as connection:
        connection.execute("CREATE TABLE planted AS SELECT 1 AS x")
    loaded.symlink_to(other)
    warehouse = open_warehouse(str(data), Settings(cache_dir=cache))
    assert [table.name for table in warehouse.tables()] == ["pay"]
    warehouse.close()
    assert not loaded.is_symlink()


def _data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir(exist_ok=True)
    (folder / "pay.csv").write_text("name,pay\nAnn,9\n")
    return folder


@pytest.mark.parametrize(
    "url", ["http://127.0.0.2:9/v1", "http://evil.example/v1", "http://127.0.0.1.evil.example/v1", ""]
)
def test_a_lease_of_another_address_is_not_believed(url: str, tmp_path: Path) -> None:
    lease = tmp_path / "x.json"
    fields = {"url": url, "api_key": "k", "model": "m", "pid": 1, "weights_id": "w", "version": "v"}
    lease.write_text(json.dumps(fields))
    assert local._read(lease) is None
    lease.write_text(json.dumps(fields | {"url": "http://127.0.0.1:9/v1"}))
    assert local._read(lease) is not None


def test_weights_are_hashed_as_they_are_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sidecar that somebody wrote beside tampered weights is no proof."""
    model = store.MODELS["local-small"]
    path = store.cached_path(model, tmp_path)
    path.parent.mkdir(parents=True)
    path.touch()
    os.truncate(path, model.size_bytes)
    store._write_seal(path, model)
    monkeypatch.setattr(local, "_spawn", lambda *_: pytest.fail("it was loaded"))
    with pytest.raises(WrongHashError, match="SHA-256"):
        local.ensure_running(path, tmp_path)


def test_a_check_that_breaks_is_logged_and_not_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log_what_breaks(lambda: tmp_path / "logs")
    try:
        logging.getLogger("sql_tools.diagnostics.diagnose").error("x broke", exc_info=ValueError("inside"))
    finally:
        logger = logging.getLogger("sql_tools")
        logger.handlers = [h for h in logger.handlers if isinstance(h, logging.NullHandler)]
    assert "ValueError: inside" in (tmp_path / "logs" / "cli.log").read_text("utf-8")
    assert capsys.readouterr() == ("", "")


def test_a_log_is_not_written_through_a_link(tmp_path: Path) -> None:
    folder, target = tmp_path / "cache" / "logs", tmp_path / "target"
    folder.mkdir(parents=True)
    (folder / "cli.log").symlink_to(target)
    log = write_crash(ValueError("x"), folder)
    assert not target.exists()
    assert log is not None
    assert log.parent != folder
    assert stat.S_IMODE(log.parent.stat().st_mode) == 0o700


def test_the_command_keeps_nothing_that_others_may_read(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a\n1\n")
    cache = tmp_path / "cache"
    environment = os.environ | {"ARCTIC_COPILOT_CACHE_DIR": str(cache)}
    command = [sys.executable, "-P", "-c", "import os; os.umask(0o022); from app.cli import main; main()"]
    done = subprocess.run(
        [*command, "check", "SELECT a FROM t", "-w", str(tmp_path / "t.csv")], env=environment, check=False
    )
    assert done.returncode == 0
    assert open_to_others(cache) == []
