"""A checkpoint's tokenizer -> tokenizer.json and tokenizer_config.json as any current library loads them.

The released checkpoint names a tokenizer class of its own, code that today's transformers cannot run; vLLM loads its
tokenizer through transformers. These two files say the same without code: `vllm serve --tokenizer DIR`.
"""

import json
from pathlib import Path
from typing import Any

from model_service.arctic.config import read_config
from model_service.arctic.tokenizer import CHAT_END, CHAT_START, ArcticTokenizer, open_tokenizer
from model_service.errors import NoSpaceError

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def export_tokenizer(checkpoint: Path, out: Path) -> None:
    """Write both files into `out`, which may be the checkpoint. Raises CheckpointError, or NoSpaceError if it can't."""
    tokenizer, config = open_tokenizer(checkpoint), read_config(checkpoint)
    settings = _settings(tokenizer, config.max_position_embeddings)
    try:
        out.mkdir(parents=True, exist_ok=True)
        _with_first_token(tokenizer).save(str(out / "tokenizer.json"))
        (out / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise NoSpaceError(f"Cannot write to {out}: {error.strerror}.", "Give a directory you can write to.") from error


def _with_first_token(tokenizer: ArcticTokenizer) -> Any:
    """The backend, which now puts the first token before a text whenever it is asked for special tokens."""
    from tokenizers import Tokenizer, processors

    copy = Tokenizer.from_str(tokenizer.backend.to_str())
    if tokenizer.first_id is not None:
        first = copy.id_to_token(tokenizer.first_id)
        copy.post_processor = processors.TemplateProcessing(
            single=f"{first} $A", pair=f"{first} $A {first}:1 $B:1", special_tokens=[(first, tokenizer.first_id)]
        )
    return copy


def _settings(tokenizer: ArcticTokenizer, max_length: int) -> dict[str, Any]:
    name = tokenizer.backend.id_to_token
    settings: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": max_length,
        "clean_up_tokenization_spaces": False,
    }
    if tokenizer.first_id is None:
        settings["add_bos_token"] = False
    else:
        settings["bos_token"] = name(tokenizer.first_id)
    is_chat = tokenizer.backend.token_to_id(CHAT_START) is not None
    if is_chat:
        settings["chat_template"] = CHAT_TEMPLATE
    if tokenizer.stop_ids:
        settings["eos_token"] = CHAT_END if is_chat else name(tokenizer.stop_ids[0])
    return settings
