"""A real pooling engine with the plugin on."""

import gc

import pytest
from vllm import LLM
from vllm.distributed import cleanup_dist_env_and_memory

from scheduler_client.vllm_plugin.messages import Arrived
from scheduler_client.vllm_plugin.plugin import register


@pytest.fixture
def pooling(model, predictor, monkeypatch):
    monkeypatch.setenv("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("LENGTHWISE_TARGET", predictor.target)
    register()
    options = {"runner": "pooling", "convert": "embed", "scheduling_policy": "priority"}
    made = LLM(str(model), enforce_eager=True, **options)
    yield made
    made.llm_engine.engine_core.shutdown()
    del made
    gc.collect()
    cleanup_dist_env_and_memory()


def test_embeddings_are_made_as_ever_and_nothing_is_asked(pooling, predictor):
    order = pooling.llm_engine.engine_core.engine_core.scheduler.lengthwise
    told = []
    put = order._sidecar.put

    def noted(message):
        if isinstance(message, Arrived):
            told.append(message)
        return put(message)

    order._sidecar.put = noted
    (output,) = pooling.embed(["hello there"], use_tqdm=False)
    assert len(output.outputs.embedding) == 256
    assert [(arrived.asking, arrived.token_ids) for arrived in told] == [("no_text", [])]
    assert all(report["prompt"] != "hello there" for report in predictor.reported())
