"""A small tokenizer of Arctic's kind: Llama's pieces and byte fallback, the last two ids redefined for chats."""

import json
import random
from pathlib import Path

VOCAB = 512
START, END = VOCAB - 2, VOCAB - 1
WORDS = "SELECT name FROM customers WHERE country = 'Japan' ORDER BY total DESC how many orders were there in each month ".split()
SYLLABLES = [consonant + vowel for consonant in "bdfgklmnprst" for vowel in "aeiou"]


def write_sentencepiece(directory: Path, *, vocab: int = VOCAB, base: bool = False) -> Path:
    """tokenizer.model, trained just now, and a tokenizer_config.json as the released ones are."""
    import io

    import sentencepiece

    directory.mkdir(parents=True, exist_ok=True)
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences()),
        model_writer=model,
        vocab_size=vocab,
        hard_vocab_limit=True,
        model_type="bpe",
        byte_fallback=True,
        split_digits=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        allow_whitespace_only_pieces=True,
        minloglevel=2,
        num_threads=1,
    )
    (directory / "tokenizer.model").write_bytes(model.getvalue())
    (directory / "tokenizer_config.json").write_text(json.dumps(settings(vocab, base=base)))
    return directory


def settings(vocab: int, *, base: bool) -> dict[str, object]:
    """tokenizer_config.json."""
    special = {0: "<unk>", 1: "<s>", 2: "</s>"}
    if not base:
        special |= {vocab - 2: "<|im_start|>", vocab - 1: "<|im_end|>"}
    return {
        "add_bos_token": True,
        "add_eos_token": False,
        "added_tokens_decoder": {str(token): {"content": name, "special": True} for token, name in special.items()},
        "bos_token": "<s>" if base else "<|im_start|>",
        "eos_token": "</s>" if base else "<|im_end|>",
        "tokenizer_class": "ArcticTokenizer",
        "auto_map": {"AutoTokenizer": ["tokenization_arctic.ArcticTokenizer", None]},
    }


def sentences() -> list[str]:
    """Enough different text to train some hundred pieces on: real words, and made-up ones of random syllables."""
    draws = random.Random(0)
    made_up = ["".join(draws.choices(SYLLABLES, k=draws.randint(1, 4))) for _ in range(300)]
    return [" ".join(draws.choices(WORDS + made_up, k=draws.randint(3, 12))) + f" {number};" for number in range(200)]
