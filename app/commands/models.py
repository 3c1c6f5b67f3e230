"""`arctic-copilot models` and `serve`: the embedded models' files and their server."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.base import FAILED, KindCommand

if TYPE_CHECKING:
    from app.terminal.console import Terminal
    from model_service.llama.client import LocalModel
    from sql_tools.settings import Settings

models = typer.Typer(help="The embedded models' weights: list, download, verify.", no_args_is_help=True)
NameArgument = Annotated[str, typer.Argument(help="local or local-small.")]


@models.command("list", cls=KindCommand, epilog="Example: arctic-copilot models list")
def list_models() -> None:
    """Show the models known by name, and which are here."""
    from app.terminal import views
    from app.terminal.console import Terminal
    from model_service.weights import store as weights
    from sql_tools.settings import read_settings

    terminal, settings = Terminal(), read_settings()
    for model in weights.MODELS.values():
        here = weights.find(model.name, settings.cache)
        about = f"{model.title}, {model.size_bytes / 1e9:.1f} GB, {model.license}"
        terminal.show(views.model(model.name, about, here, terminal))


@models.command(cls=KindCommand, epilog="Example: arctic-copilot models download local")
def download(name: NameArgument = "local") -> None:
    """Fetch a model's weights, going on where an earlier download stopped, and verify them."""
    from app.terminal.console import Terminal
    from sql_tools.settings import read_settings

    terminal, settings = Terminal(), read_settings(model=name)
    terminal.note(f"{name} is ready: {fetch(settings, terminal)}")


@models.command(cls=KindCommand, epilog="Example: arctic-copilot models verify local")
def verify(name: NameArgument = "local") -> None:
    """Read a model's whole file again and compare size and SHA-256; exit code 1 if it is not what it should be."""
    from app.terminal.console import Terminal
    from model_service.weights import store as weights
    from sql_tools.settings import read_settings

    terminal, settings = Terminal(), read_settings(model=name)
    if name not in weights.MODELS:
        raise typer.BadParameter(f"Give one of {', '.join(weights.MODELS)}.")
    model = weights.MODELS[name]
    path = weights.cached_path(model, settings.cache)
    if not path.exists():
        terminal.trouble(f"{name} is not here yet.", f"Run `arctic-copilot models download {name}`.")
        raise typer.Exit(FAILED)
    weights.verify(path, model)
    terminal.note(f"{path} is {model.title}, whole and unchanged.")


def serve_model(settings: "Settings", port: int | None, terminal: "Terminal") -> None:
    """Serve until Ctrl-C. Raises a ModelServiceError if the port is taken or the model cannot be loaded."""
    from app.terminal import views
    from model_service.llama import local

    file = fetch(settings, terminal)

    def announce(running: "LocalModel") -> None:
        terminal.show(views.server(running), whole_lines=True)

    local.serve(file, settings.cache, port or 0, on_ready=announce)


def fetch(settings: "Settings", terminal: "Terminal") -> Path:
    """The verified weights of `settings.model`, with a progress bar while they are downloaded."""
    from model_service.weights import store as weights

    with terminal.progress() as report:
        return weights.fetch(
            settings.model,
            settings.cache,
            on_progress=lambda done, total: report(f"Fetching {settings.model}", done / total if total else None),
            on_message=terminal.note,
        )
