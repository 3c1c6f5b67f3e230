"""config.json -> ArcticConfig: what the released one says, older and newer spellings, what is refused."""

import json
from pathlib import Path

import pytest

from model_service.arctic.config import parse_config, read_config
from model_service.errors import CheckpointError
from tests.model_service.arctic.random_checkpoint import RELEASED, SMALL


def test_the_released_config_is_read() -> None:
    config = parse_config(RELEASED)
    assert (config.num_hidden_layers, config.num_local_experts, config.head_dim) == (35, 128, 128)
    assert config.stop_ids == (31999,)
    assert all(config.has_residual_mlp(layer) for layer in range(35))


def test_absent_keys_are_as_released_and_not_the_class_defaults() -> None:
    config = parse_config({name: value for name, value in SMALL.items() if "token_id" not in name})
    assert (config.moe_layer_frequency, config.rope_theta, config.parallel_attn_mlp_res) == (1, 10000.0, True)
    assert config.stop_ids == ()


def test_every_second_layer_may_be_dense() -> None:
    config = parse_config(RELEASED | {"moe_layer_frequency": 2})
    assert [config.is_moe_layer(layer) for layer in range(4)] == [False, True, False, True]
    assert [config.has_residual_mlp(layer) for layer in range(2)] == [False, True]


def test_the_residual_has_two_names() -> None:
    without = {key: value for key, value in RELEASED.items() if key != "parallel_attn_mlp_res"}
    assert not parse_config(without | {"use_residual": False}).parallel_attn_mlp_res
    assert not parse_config(RELEASED | {"parallel_attn_mlp_res": False}).parallel_attn_mlp_res


def test_newer_spellings_are_read() -> None:
    newer = {key: value for key, value in RELEASED.items() if key not in ("rope_theta", "torch_dtype")}
    newer |= {"rope_parameters": {"rope_type": "default", "rope_theta": 500.0}, "dtype": "float32"}
    config = parse_config(newer | {"eos_token_id": [2, 31999]})
    assert (config.rope_theta, config.torch_dtype, config.stop_ids) == (500.0, "float32", (2, 31999))


def test_without_kv_heads_every_head_has_its_own() -> None:
    assert parse_config(RELEASED | {"num_key_value_heads": None}).num_key_value_heads == 56


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "mixtral"}, "model_type is 'mixtral'"),
        ({"hidden_size": None}, "lacks hidden_size"),
        ({"hidden_size": "7168"}, "hidden_size is '7168'"),
        ({"num_local_experts": 0}, "num_local_experts is 0"),
        ({"num_attention_heads": 57}, "no even head size"),
        ({"num_key_value_heads": 9}, "cannot share 9"),
        ({"num_experts_per_tok": 129}, "129 experts a token"),
        ({"hidden_act": "gelu"}, "hidden_act 'gelu'"),
        ({"rope_scaling": {"type": "yarn"}}, "rope_scaling"),
        ({"rope_parameters": {"rope_type": "yarn"}}, "'yarn'"),
        ({"rope_theta": "x"}, "rope_theta is 'x'"),
        ({"head_dim": 64}, "head_dim 64"),
        ({"rms_norm_eps": "x"}, "rms_norm_eps"),
        ({"eos_token_id": "x"}, "eos_token_id is 'x'"),
    ],
)
def test_what_cannot_be_computed_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(CheckpointError, match=message) as caught:
        parse_config(RELEASED | change)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("content", "message"), [(None, "Cannot read"), ("{", "is not JSON"), ("[]", "no JSON object"), ("{}", "lacks")]
)
def test_a_bad_file_is_named(tmp_path: Path, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(CheckpointError, match=message) as caught:
        read_config(tmp_path)
    assert str(tmp_path / "config.json") in caught.value.message


def test_a_good_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(RELEASED))
    assert read_config(tmp_path) == parse_config(RELEASED)
