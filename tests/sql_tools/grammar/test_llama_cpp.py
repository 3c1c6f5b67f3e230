"""The schema's grammar in llama.cpp itself: a model of random weights, sampled at random, writes only what the schema has."""

import json
import random
import urllib.request
from collections.abc import Iterator

import pytest

from model_service.llama import local
from sql_tools.grammar import accepts, lark_grammar
from sql_tools.models import Column, Table
from tests.model_service.llama import tiny_llama

WORDS = (
    *(
        "SELECT",
        " FROM",
        " WHERE",
        " JOIN",
        " ON",
        " AS",
        " GROUP BY",
        " ORDER BY",
        " CASE",
        " sum(",
        " count(*)",
        " =",
        ", ",
    ),
    *(
        " age",
        " cid",
        " title",
        " name",
        " nme",
        " singer",
        " concert",
        " stadium",
        " s",
        " c",
        "s.",
        "c.",
        "singer.",
        "concert.",
    ),
    *("age", "cid", "title", "name", " 1", " x", "x."),
)


def table(name: str, *columns: str) -> Table:
    listed = tuple(Column(name=column, type="VARCHAR") for column in columns)
    return Table(schema_name="main", name=name, columns=listed)


GRAMMAR = lark_grammar((table("singer", "id", "name", "age"), table("concert", "cid", "title")), "duckdb")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[local.LocalModel]:
    pytest.importorskip("xllamacpp")
    folder = tmp_path_factory.mktemp("llama")
    random.seed(7)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiny_llama, "CONTEXT", 4096)
        patch.setattr(tiny_llama, "VOCAB", 320)
        model = tiny_llama.write_tiny_llama(folder / "tiny.gguf", WORDS)
    started = local.start(model, folder, idle_seconds=60)
    yield started
    local.stop(started)


def written(server: local.LocalModel, seed: int, **besides: str) -> tuple[str, bool]:
    """What the model writes, and whether it came to an end."""
    plain = [[byte, False] for byte in range(127, 256)]  # letters of other scripts only make for long names
    body = {"prompt": [65, 66], "n_predict": 150, "temperature": 1.0, "seed": seed, "logit_bias": plain, **besides}
    request = urllib.request.Request(
        f"{server.url.removesuffix('/v1')}/completion",
        json.dumps(body).encode(),
        {"Content-Type": "application/json", "Authorization": f"Bearer {server.api_key}"},
    )
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as reply:
        answer = json.load(reply)
    return answer["content"], answer["stop_type"] == "eos"


def test_what_it_writes_keeps_to_the_grammar_to_the_end(server: local.LocalModel) -> None:
    texts = [written(server, seed, grammar=GRAMMAR) for seed in range(16)]
    for text, ended in texts:
        whole = text if ended else text.rstrip("\ufffd")  # it may be cut within a character
        match = accepts(GRAMMAR, whole)
        assert match.accepted if ended else match.stopped_at == len(whole), text
    assert sum("FROM" in text.upper() for text, _ in texts) >= 5


def test_without_it_the_same_model_writes_anything(server: local.LocalModel) -> None:
    assert not any(accepts(GRAMMAR, written(server, seed)[0]).accepted for seed in range(5))
