"""LENGTHWISE_SWAP_GIB alone has an engine swap."""

import pytest
from vllm.engine.arg_utils import EngineArgs

from scheduler_client.vllm_plugin.swap import install as installing
from scheduler_client.vllm_plugin.swap.install import install
from tests.vllm.swap.small_engine import FEW, small_engine


@pytest.fixture
def unwrapped(monkeypatch):
    """Whatever is installed ends with the test."""
    monkeypatch.setattr(EngineArgs, "create_engine_config", EngineArgs.create_engine_config)
    return EngineArgs.create_engine_config


def test_without_the_variable_nothing_is_touched(unwrapped):
    assert not install({})
    assert not install({"LENGTHWISE_SWAP_GIB": "0"})
    assert EngineArgs.create_engine_config is unwrapped


def test_a_bad_value_stops_the_start_and_names_the_variable(unwrapped):
    with pytest.raises(ValueError, match="LENGTHWISE_SWAP_GIB is 'much'"):
        install({"LENGTHWISE_SWAP_GIB": "much"})
    with pytest.raises(ValueError, match="LENGTHWISE_SWAP_BITS is '4': expected 8 or 16"):
        install({"LENGTHWISE_SWAP_GIB": "1", "LENGTHWISE_SWAP_BITS": "4"})


def test_an_engine_made_after_it_swaps_and_twice_is_once(unwrapped, model):
    assert install({"LENGTHWISE_SWAP_GIB": "0.25"})
    once = EngineArgs.create_engine_config
    assert install({"LENGTHWISE_SWAP_GIB": "0.25"})
    assert EngineArgs.create_engine_config is once
    with small_engine(model, None) as engine, engine.counted() as counts:
        engine.answers(FEW)
    assert counts["swapped_in"] == counts["swapped_out"] > 0
    assert counts["recomputed"] == 0


def test_another_connector_stays(unwrapped, model, caplog):
    assert install({"LENGTHWISE_SWAP_GIB": "0.25"})
    other = {"kv_connector": "OffloadingConnector", "kv_role": "kv_both"}
    config = EngineArgs(str(model), kv_transfer_config=other).create_engine_config()
    assert config.kv_transfer_config.kv_connector == "OffloadingConnector"


def test_what_it_names_is_the_connector():
    module = __import__(installing.MODULE, fromlist=[installing.CLASS])
    assert hasattr(module, installing.CLASS)
