"""Text <-> ids against the real sentencepiece library, and chats against transformers; what is missing or damaged."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("tokenizers", reason="the Arctic tokenizer needs tokenizers: `make venv-vllm` installs it")
sentencepiece = pytest.importorskip("sentencepiece", reason="the oracle is sentencepiece: `make venv-vllm` installs it")

from model_service.arctic.tokenizer import Message, chat_text, open_tokenizer  # noqa: E402
from model_service.checkpoints.tokenizer_export import export_tokenizer  # noqa: E402
from model_service.errors import CheckpointError, RequestError  # noqa: E402
from tests.model_service.arctic.random_checkpoint import RELEASED, SMALL  # noqa: E402
from tests.model_service.arctic.tiny_tokenizer import END, START, VOCAB, sentences, write_sentencepiece  # noqa: E402

CHAT = [Message("system", "Be brief."), Message("user", "How many orders?")]
TEXTS = [*sentences()[::20], "日本語 🙂", "two  spaces ", "a\nb\tc", "x = 12345", "<0x41> <unk", "ﬁ é e\u0301"]
CONFIG = RELEASED | SMALL | {"vocab_size": VOCAB, "bos_token_id": START, "eos_token_id": END}


@pytest.fixture(scope="module")
def instruct(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = write_sentencepiece(tmp_path_factory.mktemp("instruct"))
    (directory / "config.json").write_text(json.dumps(CONFIG))
    return directory


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = write_sentencepiece(tmp_path_factory.mktemp("base"), base=True)
    (directory / "config.json").write_text(json.dumps(CONFIG | {"bos_token_id": 1, "eos_token_id": 2}))
    return directory


def original(directory: Path, *, prefix: bool = True) -> Any:
    """The library that made the file; without the space it puts before a text if not prefix."""
    from sentencepiece import sentencepiece_model_pb2

    proto = sentencepiece_model_pb2.ModelProto.FromString((directory / "tokenizer.model").read_bytes())
    proto.normalizer_spec.add_dummy_prefix = prefix
    return sentencepiece.SentencePieceProcessor(model_proto=proto.SerializeToString())


@pytest.mark.parametrize("text", TEXTS)
def test_ids_are_sentencepieces(base: Path, text: str) -> None:
    assert open_tokenizer(base).encode(text) == [1, *original(base).encode(text)]


@pytest.mark.parametrize("text", TEXTS)
def test_ids_are_text_again(instruct: Path, text: str) -> None:
    tokenizer = open_tokenizer(instruct)
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_instruct_starts_with_its_redefined_id(instruct: Path) -> None:
    tokenizer = open_tokenizer(instruct)
    assert tokenizer.encode("SELECT")[0] == START
    assert tokenizer.stop_ids == (END,)


def test_a_chat_has_one_first_token(instruct: Path) -> None:
    """Turn by turn: the pieces of each role and text as sentencepiece has them, with no space put before."""
    plain, expected = original(instruct, prefix=False), []
    for turn in ("system\nBe brief.", "user\nHow many orders?"):
        expected += [START, *plain.encode(turn), END, *plain.encode("\n")]
    expected += [START, *plain.encode("assistant\n")]
    tokenizer = open_tokenizer(instruct)
    assert tokenizer.encode_chat(CHAT) == expected
    assert tokenizer.encode(chat_text(CHAT)) == expected


def test_a_redefined_piece_is_never_made_of_text(instruct: Path) -> None:
    tokenizer = open_tokenizer(instruct)
    ids = [token for text in TEXTS for token in tokenizer.encode(text)[1:]]
    assert not {START, END} & set(ids)


def test_a_base_model_has_no_chat(base: Path) -> None:
    with pytest.raises(RequestError, match="base model"):
        open_tokenizer(base).encode_chat(CHAT)


def test_an_unknown_role_is_refused() -> None:
    with pytest.raises(RequestError, match="'tool'"):
        chat_text([Message("tool", "x")])


def test_early_configs_that_said_1_and_2_still_stop_at_the_end_of_a_turn(instruct: Path, tmp_path: Path) -> None:
    early = Path(shutil.copytree(instruct, tmp_path / "early"))
    (early / "config.json").write_text(json.dumps(CONFIG | {"bos_token_id": 1, "eos_token_id": 2}))
    tokenizer = open_tokenizer(early)
    assert (tokenizer.first_id, tokenizer.stop_ids) == (START, (2, END))


def test_without_a_first_token_none_is_put(instruct: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(instruct, tmp_path / "other"))
    settings = json.loads((other / "tokenizer_config.json").read_text())
    (other / "tokenizer_config.json").write_text(json.dumps(settings | {"add_bos_token": False}))
    assert open_tokenizer(other).encode("SELECT")[0] != START
    export_tokenizer(other, other)
    assert open_tokenizer(other).encode("SELECT")[0] != START


def test_the_exported_files_say_the_same(instruct: Path, tmp_path: Path) -> None:
    export_tokenizer(instruct, tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    exported, source = open_tokenizer(tmp_path), open_tokenizer(instruct)
    assert [exported.encode(text) for text in TEXTS] == [source.encode(text) for text in TEXTS]
    assert exported.encode_chat(CHAT) == source.encode_chat(CHAT)
    assert exported.stop_ids == source.stop_ids


@pytest.mark.parametrize("kind", ["instruct", "base"])
def test_transformers_reads_the_exported_files(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    transformers = pytest.importorskip(
        "transformers", reason="the oracle is transformers: `make venv-vllm` installs it"
    )
    source: Path = request.getfixturevalue(kind)
    export_tokenizer(source, tmp_path)
    theirs, ours = transformers.AutoTokenizer.from_pretrained(tmp_path), open_tokenizer(source)
    assert [theirs(text)["input_ids"] for text in TEXTS] == [ours.encode(text) for text in TEXTS]
    if kind == "base":
        assert (theirs.eos_token_id, theirs.chat_template) == (2, None)
        return
    messages = [{"role": message.role, "content": message.content} for message in CHAT]
    rendered = theirs.apply_chat_template(messages, add_generation_prompt=True, tokenize=True, return_dict=False)
    assert (theirs.eos_token_id, rendered) == (END, ours.encode_chat(CHAT))


def refusal(directory: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        open_tokenizer(directory)
    assert caught.value.hint
    return caught.value.message


def test_neither_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    assert "neither tokenizer.json nor tokenizer.model" in refusal(tmp_path)


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer.model", "tokenizer_config.json"])
@pytest.mark.parametrize(
    "content", [b"", b"[", b"\xff\xff\xff\xff\xff\x0f", b"version https://git-lfs.github.com/spec/v1\n"]
)
def test_a_damaged_file_is_named(instruct: Path, tmp_path: Path, name: str, content: bytes) -> None:
    damaged = Path(shutil.copytree(instruct, tmp_path / "damaged"))
    (damaged / name).write_bytes(content)
    assert name in refusal(damaged)


def test_a_truncated_model_is_named(instruct: Path, tmp_path: Path) -> None:
    damaged = Path(shutil.copytree(instruct, tmp_path / "damaged"))
    content = (damaged / "tokenizer.model").read_bytes()
    (damaged / "tokenizer.model").write_bytes(content[: len(content) // 2])
    assert "tokenizer.model" in refusal(damaged)


def test_a_tokenizer_of_a_larger_model_is_refused(instruct: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(instruct, tmp_path / "other"))
    (other / "config.json").write_text(json.dumps(CONFIG | {"vocab_size": 100}))
    assert "512 tokens, the model 100" in refusal(other)
