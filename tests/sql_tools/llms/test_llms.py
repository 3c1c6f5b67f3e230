"""The model setting picks the provider."""

import pytest

from sql_tools import Settings
from sql_tools.errors import SettingsError
from sql_tools.llms import create_model


@pytest.mark.parametrize(
    ("setting", "name"), [("http://localhost:8000/v1#big", "big"), ("https://models.example.com/v1", "default")]
)
def test_a_url_names_a_server_and_its_model(setting: str, name: str) -> None:
    model = create_model(Settings(model=setting))
    assert model.model_name == name  # type: ignore[attr-defined]


@pytest.mark.parametrize("setting", ["gpt", "http://", "https://#x"])
def test_what_is_no_model_is_an_error(setting: str) -> None:
    with pytest.raises(SettingsError):
        create_model(Settings(model=setting))


@pytest.mark.parametrize(
    ("setting", "may"),
    [("local", True), ("http://127.0.0.1:1/v1#m", True), ("https://models.example.com/v1#m", False)],
)
def test_values_stay_on_this_machine_unless_the_setting_says_otherwise(setting: str, may: bool) -> None:
    assert Settings(model=setting).may_share_values is may
    assert Settings(model=setting, share_values=True).may_share_values
