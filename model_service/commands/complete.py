"""Prompts -> what the model writes after them: the work of `python -m model_service generate`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from model_service.arctic.config import read_config
from model_service.arctic.generate import Sampling, generate, require_ids
from model_service.arctic.tokenizer import Message, open_tokenizer
from model_service.checkpoints.load import load_model
from model_service.commands.device import find_device, find_dtype
from model_service.errors import RequestError


@dataclass(frozen=True)
class Options:
    """As on the command line; dtype None is the checkpoint's, max_new_tokens None what there is room for."""

    checkpoint: Path
    dtype: str | None = None
    device: str = "cpu"
    max_new_tokens: int | None = None
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0


def complete(
    options: Options, *, prompts: Sequence[str] = (), chats: Sequence[str] = (), ids: Sequence[Sequence[int]] = ()
) -> Iterator[str]:
    """What follows each prompt, then each chat, as text; then what follows each list of ids, as ids.

    All run as one batch. A tokenizer is needed only for text. Raises a ModelServiceError before the weights are read.
    """
    config, sampling = read_config(options.checkpoint), Sampling(options.temperature, options.top_p, options.seed)
    texts = len(prompts) + len(chats)
    tokenizer = open_tokenizer(options.checkpoint) if texts else None
    starts: list[Sequence[int]] = [tokenizer.encode(text) for text in prompts] if tokenizer else []
    starts += [tokenizer.encode_chat([Message("user", text)]) for text in chats] if tokenizer else []
    starts += ids
    if not starts:
        raise RequestError("There is nothing to go on with.", "Give --prompt, --chat or --ids.")
    for start in starts:
        require_ids(config, start, options.max_new_tokens or 1)
    model = load_model(options.checkpoint, dtype=find_dtype(options.dtype), device=find_device(options.device))
    stop_ids = tokenizer.stop_ids if tokenizer else config.stop_ids
    new = generate(model, starts, max_new_tokens=options.max_new_tokens, sampling=sampling, stop_ids=stop_ids)
    if tokenizer:
        yield from (tokenizer.decode(one) for one in new[:texts])
    yield from (",".join(map(str, one)) for one in new[texts:])
