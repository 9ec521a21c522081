"""What Lengthwise takes of the engine core's loop: `python -m benchmarks.vllm_core_loop`.

vLLM's own requests and queue, a real sidecar process that nobody answers, and predictions put in by
hand: no model runs, so that nothing but this code is timed. It needs vLLM's environment:
`.venv-vllm/bin/python`.
"""
# pyright: basic, reportMissingImports=false
# vLLM is the host's: it is not in the environment that types are checked in.

import argparse
import statistics
import time
from types import SimpleNamespace
from typing import Any

from vllm.sampling_params import SamplingParams
from vllm.v1.core.sched.request_queue import PriorityRequestQueue
from vllm.v1.request import Request, RequestStatus

from scheduler_client.advisor.settings import AdvisorSettings
from scheduler_client.vllm_plugin.messages import Predicted, Settled
from scheduler_client.vllm_plugin.queue_order import QueueOrder
from scheduler_client.vllm_plugin.sidecar_process import SidecarProcess

PROMPT_TOKENS = 500
POINTS = ((0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0), (1.0, 20.0, 80.0, 150.0, 260.0, 500.0, 900.0))
IDLE_STEP = SimpleNamespace(scheduled_new_reqs=[])


def main() -> None:
    """Time it and print microseconds."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.vllm_core_loop", description=__doc__, allow_abbrev=False
    )
    parser.add_argument("--waiting", type=int, default=256, help="requests in the queue")
    parser.add_argument("--rounds", type=int, default=20, help="each with as many requests")
    options = parser.parse_args()
    settings = AdvisorSettings("127.0.0.1:1", report=False)
    sidecar = Spoken(Settled(None, 0))
    scheduler = stand_in()
    order = QueueOrder(scheduler, settings, sidecar)
    per_request_us, steps_us, settling_us = [], [], []
    for number in range(options.rounds):
        requests = [new_request(f"{number}-{i}") for i in range(options.waiting)]
        per_request_us.append(timed(arrive, scheduler, order, requests))
        for request in requests:
            scheduler.waiting.add_request(request)
        for _ in range(options.waiting // 64 + 1):
            step(order)  # what has come is sent
        numbers = range(number * options.waiting, (number + 1) * options.waiting)
        for at in range(0, len(numbers), 64):
            lengths = [(n, 150.0 + n % 97, POINTS) for n in numbers[at : at + 64]]
            sidecar.incoming.append(Predicted(lengths, []))
        settling_us.append(timed(step, order))
        steps_us += [timed(step, order) for _ in range(200)]
        per_request_us[-1] += timed(end, order, requests)
        scheduler.requests.clear()
        scheduler.waiting.remove_requests(requests)
    order.close()
    count = options.waiting
    arrived_us = statistics.median(per_request_us) / count
    settled_us = statistics.median(settling_us) / count
    print(f"{count} requests wait; medians of {options.rounds} rounds")
    print(f"per request: {arrived_us:.1f} us to come and end, {settled_us:.1f} us to be placed")
    print(f"per step: {statistics.median(steps_us):.1f} us")


class Spoken(SidecarProcess):
    """A sidecar that also says what the benchmark puts into its mouth."""

    def __init__(self, settled: Settled) -> None:
        self.incoming: list[Any] = []
        super().__init__(settled)

    def read(self) -> list[Any]:
        """What has come, and what was put in."""
        came, self.incoming = self.incoming, []
        return [*super().read(), *came]


def stand_in() -> Any:
    """Of a scheduler, what is looked at."""
    config = SimpleNamespace(
        model_config=SimpleNamespace(served_model_name="llm"),
        parallel_config=SimpleNamespace(data_parallel_index=0),
    )
    return SimpleNamespace(
        requests={},
        running=[],
        waiting=PriorityRequestQueue(),
        kv_holding_waiting=PriorityRequestQueue(),
        vllm_config=config,
        scheduler_config=SimpleNamespace(policy="priority"),
    )


def new_request(name: str) -> Request:
    """With a prompt of usual length."""
    params = SamplingParams(max_tokens=1_000)
    return Request(name, list(range(PROMPT_TOKENS)), params, None, arrival_time=time.time())


def arrive(scheduler: Any, order: QueueOrder, requests: list[Request]) -> None:
    """As the mixed scheduler does; vLLM's own part is put off."""
    for request in requests:
        order.arriving(request)
    for request in requests:
        scheduler.requests[request.request_id] = request


def end(order: QueueOrder, requests: list[Request]) -> None:
    """As the mixed scheduler does."""
    for request in requests:
        request.status = RequestStatus.FINISHED_STOPPED
        order.ended(request)


def step(order: QueueOrder) -> None:
    """One in which nobody starts."""
    order.before_step()
    order.after_step(IDLE_STEP)


def timed(what: Any, *arguments: Any) -> float:
    """Microseconds."""
    began_s = time.perf_counter()
    what(*arguments)
    return 1e6 * (time.perf_counter() - began_s)


if __name__ == "__main__":
    main()
