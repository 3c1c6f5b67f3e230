"""`arctic-copilot serve`: the embedded model, or Arctic on vLLM, behind an OpenAI-compatible door."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from app.commands.options import ModelOption, PortOption


def serve(
    model: ModelOption = None,
    port: PortOption = None,
    checkpoint: Annotated[Path | None, typer.Option(help="Arctic's directory, with --model arctic.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Arctic: only print the plan.")] = False,
    gpus: Annotated[int | None, typer.Option(min=1, help="Arctic: GPUs in all; else those seen here.")] = None,
    gpu: Annotated[str | None, typer.Option(help="Arctic: plan for this kind, such as H100.")] = None,
    nodes: Annotated[int | None, typer.Option(min=1, help="Arctic: machines the GPUs are in.")] = None,
    tp: Annotated[int | None, typer.Option(min=1, help="Arctic: GPUs that share each layer.")] = None,
    pp: Annotated[int | None, typer.Option(min=1, help="Arctic: stages that share the layers.")] = None,
    ep: Annotated[bool, typer.Option("--ep", help="Arctic: whole experts on each GPU, not slices.")] = False,
    quantization: Annotated[Literal["auto", "fp8", "none"], typer.Option(help="Arctic: of bf16 weights.")] = "auto",
    speculation: Annotated[Literal["none", "ngram", "suffix"], typer.Option(help="Arctic: drafts.")] = "none",
    max_model_len: Annotated[int | None, typer.Option(min=1, help="Arctic: longest context.")] = None,
    python: Annotated[Path | None, typer.Option(help="Arctic: the Python that has vLLM.")] = None,
    vllm_args: Annotated[str, typer.Option(help="Arctic: more arguments for vLLM, in one string.")] = "",
) -> None:
    """Serve a model as an OpenAI-compatible server on loopback, until Ctrl-C: the embedded one, or Arctic on vLLM."""
    if model == "arctic":
        import shlex

        from model_service.serving.plan import Wish
        from model_service.serving.serve import find_hardware
        from model_service.serving.serve import serve as serve_arctic

        if checkpoint is None:
            raise typer.BadParameter("Give Arctic's directory: --checkpoint DIR.")
        more = tuple(shlex.split(vllm_args))
        wish = Wish(checkpoint, tp, pp, ep, quantization, speculation, max_model_len, port=port or 8000, more=more)
        serve_arctic(wish, find_hardware(gpus, gpu, nodes), python=python, dry_run=dry_run, on_line=typer.echo)
        return
    if checkpoint is not None or dry_run:
        raise typer.BadParameter("--checkpoint and --dry-run go with --model arctic.")
    from app.commands.models import serve_model
    from app.terminal.console import Terminal
    from sql_tools.settings import read_settings

    serve_model(read_settings(model=model), port, Terminal())
