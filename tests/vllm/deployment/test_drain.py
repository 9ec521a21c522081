"""A real engine of the real loop that is to stop in the middle of answers."""

import asyncio

from benchmarks.autoscaler_loop.deployment import Deployment
from testbed.completions import body_of
from testbed.engine import CACHE, running_engine
from testbed.engine_options import EngineOptions
from testbed.replay import ask
from testbed.server_process import free_port
from testbed.tiny_model import TinyLlama, tiny_model
from testbed.workload import Request

OPTIONS = EngineOptions(slots=4, policy="fcfs", step_s=0.02)


async def test_an_engine_that_drains_completes_the_answers_that_it_has_begun(tmp_path):
    model = tiny_model(CACHE, TinyLlama(hidden=64, layers=1, heads=2))
    requests = [Request(f"Question {n}?", 100, 0.0) for n in range(6)]
    sent = asyncio.Semaphore(0)

    async def answered(deployment, start_s, request):
        async with deployment.endpoint() as replica:
            sent.release()
            return await ask(replica.port, request, body_of(request, model.name), start_s)

    def launch(port):
        return running_engine(model, tmp_path, OPTIONS, port=port)

    async with Deployment(launch, [free_port()]) as deployment:
        deployment.scale(1)
        await deployment.serving(1)
        start_s = deployment.begin()
        answers = [asyncio.create_task(answered(deployment, start_s, one)) for one in requests]
        for _ in requests:
            await sent.acquire()
        deployment.scale(0)
        outcomes = await asyncio.gather(*answers)
    assert not any(outcome.failed for outcome in outcomes)
    (replica,) = deployment.replicas
    assert replica.held_at_drain == len(requests)
    assert max(outcome.finished_s for outcome in outcomes) <= replica.ended_s
