"""The callback's settings from the environment."""

import re

import pytest

from scheduler_client.gateways import litellm_settings
from scheduler_client.gateways.litellm_settings import LitellmSettings
from scheduler_client.gateways.priorities import ENGINES

TARGET = {"LENGTHWISE_TARGET": "predictor:50051"}


def test_without_a_target_all_is_off():
    assert LitellmSettings.from_environment({"LENGTHWISE_ENGINE": "vllm"}) is None


def test_a_target_alone_serves_vllm_for_all_models():
    settings = LitellmSettings.from_environment(TARGET)
    assert (settings.engine, settings.advisor.target) == ("vllm", "predictor:50051")
    assert settings.covers("any")


def test_only_the_named_models_are_covered():
    settings = LitellmSettings.from_environment(TARGET | {"LENGTHWISE_ONLY_MODELS": "a, b,"})
    assert [settings.covers(name) for name in ("a", "b", "c", "")] == [True, True, False, False]


@pytest.mark.parametrize("engine", ENGINES)
def test_each_engine_can_be_named(engine):
    settings = LitellmSettings.from_environment(TARGET | {"LENGTHWISE_ENGINE": engine})
    assert settings.engine == engine


@pytest.mark.parametrize(
    ("name", "value"), [("LENGTHWISE_ENGINE", "tgi"), ("LENGTHWISE_DEADLINE_S", "soon")]
)
def test_a_bad_value_is_named_with_its_variable(name, value):
    with pytest.raises(ValueError, match=rf"{name} is '{value}': expected"):
        LitellmSettings.from_environment(TARGET | {name: value})


def test_the_table_names_each_variable_of_its_own():
    table = set(re.findall(r"^\| (LENGTHWISE_\w+)", litellm_settings.__doc__, re.MULTILINE))
    assert table == {"LENGTHWISE_ENGINE", "LENGTHWISE_ONLY_MODELS"}
