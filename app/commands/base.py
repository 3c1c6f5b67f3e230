"""A command that fails kindly: whatever goes wrong becomes words that say what to do, and an exit code.

0 answered; 3 clarify, abstained, refused or not allowed; 1 failed; 2 wrong usage; 130 stopped by Ctrl-C. With `--json`
a failure is one JSON object on stdout, too.
"""

import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand

from app.crash_log import log_what_breaks, write_crash

FAILED, DECLINED, STOPPED = 1, 3, 130


class KindCommand(TyperCommand):
    """`cls=` of every command."""

    def invoke(self, ctx: Any) -> Any:
        log_what_breaks(_log_folder)
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except KeyboardInterrupt:
            _say("Stopped.")
            raise typer.Exit(STOPPED) from None
        except BrokenPipeError:  # nobody reads stdout any more
            raise typer.Exit(FAILED) from None
        except Exception as error:
            message, hint = explain(error)
            with suppress(BrokenPipeError):
                _report(message, hint, ctx)
            raise typer.Exit(FAILED) from error
        return result


def explain(error: Exception) -> tuple[str, str]:
    """What went wrong and what to do, in a user's words; an error that nobody foresaw goes to a log in full."""
    if isinstance(error, ImportError):
        missing = error.name or str(error)
        return f"A part of Arctic Copilot is missing: {missing}.", "`arctic-copilot doctor` says how to get it."
    from model_service.errors import ModelServiceError
    from sql_tools.errors import CopilotError

    if isinstance(error, CopilotError | ModelServiceError):
        return error.message, error.hint
    log = write_crash(error, _log_folder())
    where = f"The details are in {log}." if log else "Its details could not be written to a log."
    return f"Something went wrong inside Arctic Copilot ({type(error).__name__}).", where


def _log_folder() -> Path:
    from sql_tools.errors import SettingsError
    from sql_tools.settings import Settings, read_settings

    try:
        return read_settings().cache / "logs"
    except SettingsError:
        return Path(Settings.model_fields["cache_dir"].default).expanduser() / "logs"


def _report(message: str, hint: str, ctx: Any) -> None:
    if not ctx.params.get("as_json"):
        _say(message, hint)
        return
    from app.contract import print_json
    from sql_tools.models import Answer

    words = f"{message} {hint}".strip()
    if ctx.info_name == "ask":
        print_json(Answer(status="failed", question=ctx.params.get("question", ""), message=words))
    else:
        print_json({"status": "failed", "message": words})


def _say(message: str, hint: str = "") -> None:
    from app.terminal.console import Terminal

    Terminal().trouble(message, hint)
