"""Sidecars, and requests of a test's own LLM."""

import pytest

from scheduler_client.vllm_plugin.messages import (
    Arrived,
)
from tests.vllm.sidecar.core import HELLO, Core


@pytest.fixture
async def start(model, predictor):
    cores = []

    def make(**options):
        cores.append(Core(model, options.pop("target", predictor.target), **options))
        return cores[-1]

    yield make
    for core in cores:
        await core.end()


@pytest.fixture
def stored(predictor, request):
    """What was reported of this test's own LLM."""

    def of_this_test():
        reports = [one for one in predictor.reported() if one["model"] == request.node.name]
        return sorted(reports, key=lambda one: one["output_tokens"])

    return of_this_test


@pytest.fixture
def arrived(request):
    """A request that came, to an LLM of this test's own."""

    def make(number, ids=HELLO, asking="ask", **options):
        fields = {"model": request.node.name, "max_tokens": 50, "temperature": 0.5} | options
        return Arrived(number, asking, list(ids), **fields)

    return make
