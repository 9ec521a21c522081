"""A real pooling engine with the plugin on."""

import pytest
from vllm import PoolingParams
from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.v1.engine.async_llm import AsyncLLM

from scheduler_client.vllm_plugin.plugin import wrap


@pytest.fixture
async def pooling(model, runtime, monkeypatch):
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for method in ("add_request", "abort"):  # given back after the test
        monkeypatch.setattr(AsyncLLM, method, getattr(AsyncLLM, method))
    assert wrap(AsyncLLM, runtime)
    options = {"runner": "pooling", "convert": "embed", "scheduling_policy": "priority"}
    made = AsyncLLM.from_engine_args(
        AsyncEngineArgs(model=str(model), enforce_eager=True, **options)
    )
    yield made
    made.shutdown()


async def test_embeddings_are_made_as_ever_and_nothing_is_asked(pooling, runtime):
    params = PoolingParams(task="embed")
    outputs = [o async for o in pooling.encode("hello there", params, "r1")]
    assert outputs[-1].finished
    assert outputs[-1].outputs.data.numel() == 256
    assert not runtime.advisor.questions
    assert runtime.metrics.counts == {"no_text": 1}
    assert len(runtime.open_requests) == 0
