"""`python -m model_service`: what a checkpoint is, its logits, text from it. One thin function a command.

Each command's work is in its own file; heavy imports happen only once a command that needs them runs. A foreseen failure
ends with its message and what to do, exit code 1; a wrong command line with 2.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from model_service.errors import ModelServiceError

FAILED = 1
DTYPES = ("float32", "bfloat16", "float16")

Command = Callable[[argparse.Namespace], None]


def info(args: argparse.Namespace) -> None:
    """Print parameters, memory, layouts on some GPUs and the roofline; needs only config.json."""
    from model_service.checkpoints.stored_heads import read_stored_config
    from model_service.commands.info import describe
    from model_service.gpus import find_gpu

    print("\n".join(describe(read_stored_config(args.checkpoint), args.gpus, find_gpu(args.gpu))))


def check(args: argparse.Namespace) -> None:
    """Say whether all files are there, whole, and hold what config.json describes; of the weights nothing is read."""
    from model_service.checkpoints.load import open_whole

    _, stored = open_whole(args.checkpoint)
    files = {tensor.path for tensor in stored.values()}
    print(
        f"{len(stored):,} tensors in {len(files)} files: whole, and those of config.json. Their values were not read."
    )


def logits(args: argparse.Namespace) -> None:
    """Write the fp32 logits [T, V] that follow each of the ids to a .npy file."""
    from model_service.commands.write_logits import write_logits

    write_logits(args.checkpoint, args.ids, args.out, args.dtype, args.device)


def generate(args: argparse.Namespace) -> None:
    """Print what the model writes after each prompt."""
    from model_service.commands.complete import Options, complete

    options = Options(
        args.checkpoint, args.dtype, args.device, args.max_new_tokens, args.temperature, args.top_p, args.seed
    )
    for line in complete(options, prompts=args.prompt or (), chats=args.chat or (), ids=args.ids or ()):
        print(line)


def tokenizer(args: argparse.Namespace) -> None:
    """Write tokenizer.json and its settings in the form vLLM loads, from the checkpoint's tokenizer.model."""
    from model_service.checkpoints.tokenizer_export import export_tokenizer

    export_tokenizer(args.checkpoint, args.out)
    print(f"Wrote tokenizer.json and tokenizer_config.json to {args.out}")


def quantize(args: argparse.Namespace) -> None:
    """Write the checkpoint with its large matrices in FP8, as vLLM and this model load it; goes on after a stop."""
    from model_service.checkpoints.quantize import quantize

    print(f"Wrote {quantize(args.checkpoint, args.out)}")


def dequantize(args: argparse.Namespace) -> None:
    """Write an FP8 checkpoint, ours or Snowflake's released DeepSpeed one, with plain weights; goes on after a stop."""
    from model_service.checkpoints.quantize import dequantize
    from model_service.commands.device import find_dtype

    dtype = find_dtype(args.dtype)
    assert dtype is not None
    print(f"Wrote {dequantize(args.checkpoint, args.out, dtype)}")


def export_gguf(args: argparse.Namespace) -> None:
    """Write the checkpoint as one GGUF file for llama.cpp."""
    from model_service.checkpoints.gguf_export import export_gguf

    print(f"Wrote {export_gguf(args.checkpoint, args.out, args.type, with_tokenizer=not args.without_tokenizer)}")


def bench(args: argparse.Namespace) -> None:
    """Print tokens per second of this model, vLLM and llama.cpp on the same random weights; on a GPU one rank's rate."""
    if args.device != "cpu":
        from model_service.bench.slice import bench_slice

        bench_slice(args.device)
        return
    from model_service.bench.models import bench

    bench(args.scratch, args.rounds)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m model_service", description="Snowflake Arctic, run and measured.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_info(_command(commands, "info", info))
    _command(commands, "check", check)
    _add_logits(_command(commands, "logits", logits))
    _add_generate(_command(commands, "generate", generate))
    _add_out(_command(commands, "tokenizer", tokenizer))
    _add_out(_command(commands, "quantize", quantize))
    _add_dequantize(_command(commands, "dequantize", dequantize))
    _add_export_gguf(_command(commands, "export-gguf", export_gguf))
    _add_bench(commands.add_parser("bench", help=bench.__doc__, description=bench.__doc__))
    return parser


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, run: Command
) -> argparse.ArgumentParser:
    """A sub-command on a checkpoint directory, described by its function's docstring."""
    parser: argparse.ArgumentParser = commands.add_parser(name, help=run.__doc__, description=run.__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True, metavar="DIR", help="directory of the checkpoint")
    parser.set_defaults(run=run)
    return parser


def _add_info(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--gpus", type=_count, default=8, metavar="N", help="how many GPUs (default 8)")
    parser.add_argument(
        "--gpu", default="H100", metavar="NAME", help="which GPU, such as H100, H200, L40S (default H100)"
    )


def _add_logits(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--ids", type=_ids, required=True, metavar="1,2,3", help="token ids")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.npy", help="where the logits go")
    _add_machine(parser, dtype="float32")


def _add_generate(parser: argparse.ArgumentParser) -> None:
    what = parser.add_argument_group("what to go on with (give any number, they run as one batch)")
    what.add_argument("--prompt", action="append", metavar="TEXT", help="a text")
    what.add_argument("--chat", action="append", metavar="TEXT", help="what a user says, in the chat template")
    what.add_argument("--ids", action="append", type=_ids, metavar="1,2,3", help="token ids; new ids are printed")
    parser.add_argument(
        "--max-new-tokens", type=_count, metavar="N", help="default 128, or what the context has room for"
    )
    parser.add_argument("--temperature", type=float, default=0.0, help="0, the default, takes the most likely token")
    parser.add_argument("--top-p", type=float, default=1.0, help="sample among the likeliest that reach this sum")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same text")
    _add_machine(parser, dtype=None)


def _add_out(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="directory to write to")


def _add_dequantize(parser: argparse.ArgumentParser) -> None:
    _add_out(parser)
    parser.add_argument("--dtype", choices=DTYPES, default="bfloat16", help="of the written weights (default bfloat16)")


def _add_export_gguf(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.gguf", help="file to write")
    parser.add_argument(
        "--type", choices=("f32", "f16", "bf16", "q8_0", "q4_0"), default="bf16", help="of matrices (default bf16)"
    )
    parser.add_argument("--without-tokenizer", action="store_true", help="the model then takes and gives ids only")


def _add_bench(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--scratch", type=Path, metavar="DIR", help="where the random weights are kept for a next run")
    parser.add_argument("--rounds", type=_count, default=5, metavar="N", help="turns each engine gets (default 5)")
    parser.add_argument(
        "--device", default="cpu", help="cpu (default) compares engines; cuda times a rank of the real model"
    )
    parser.set_defaults(run=bench)


def _add_machine(parser: argparse.ArgumentParser, dtype: str | None) -> None:
    told = dtype or "the checkpoint's"
    parser.add_argument("--dtype", choices=DTYPES, default=dtype, help=f"what to compute in (default {told})")
    parser.add_argument("--device", default="cpu", help="cpu (default), cuda, cuda:1, ...")


def _ids(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of ids such as 1,2,3") from None


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code: 0, or 1 after a message on stderr."""
    args = _parser().parse_args(argv)
    try:
        args.run(args)
    except ModelServiceError as error:
        return _fail(error.message, error.hint)
    except ModuleNotFoundError as error:
        return _fail(
            f"This needs {error.name}, which is not installed.", 'Install it with pip install "arctic-copilot[arctic]".'
        )
    except KeyboardInterrupt:
        return _fail("Stopped.", "")
    return 0


def _fail(message: str, hint: str) -> int:
    print(f"{message} {hint}".rstrip(), file=sys.stderr)
    return FAILED


if __name__ == "__main__":
    sys.exit(main())
