"""What Lengthwise takes of the engine core's loop: `python -m benchmarks.vllm_core_loop`.

vLLM's own requests and queue, and in the sidecar's place a socket: what the core sends is read and
thrown away, what it is answered is written there, both while nobody looks at the clock. No model
runs, so that nothing but this code is timed. It needs vLLM's environment: `.venv-vllm/bin/python`.
"""
# pyright: basic, reportMissingImports=false
# vLLM is the host's: it is not in the environment that types are checked in.

import argparse
import cProfile
import gc
import pstats
import socket
import statistics
import time
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import msgspec
from vllm.sampling_params import SamplingParams
from vllm.v1.core.sched.request_queue import PriorityRequestQueue
from vllm.v1.request import Request, RequestStatus

from scheduler_client.advisor.settings import AdvisorSettings
from scheduler_client.vllm_plugin.messages import MAX_PACKET_BYTES, EngineInfo
from scheduler_client.vllm_plugin.queue_order import QueueOrder
from scheduler_client.vllm_plugin.sidecar_process import Line, SidecarProcess

PROMPT_TOKENS = 500
POINTS = ((0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0), (1.0, 20.0, 80.0, 150.0, 260.0, 500.0, 900.0))
IDLE_STEP = SimpleNamespace(scheduled_new_reqs=[])
ANSWERED_AT_ONCE = 32
"""Predictions in a packet, as the sidecar sends them."""

PARTS = ("come", "told", "placed", "end")


def main() -> None:
    """Time it and print microseconds."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.vllm_core_loop", description=__doc__, allow_abbrev=False
    )
    parser.add_argument("--waiting", type=int, default=256, help="requests in the queue")
    parser.add_argument("--rounds", type=int, default=40, help="each with as many requests")
    parser.add_argument("--profile", action="store_true", help="say where the time goes")
    options = parser.parse_args()
    timed = Timed(options.waiting)
    gc.freeze()  # as vLLM does: its modules are not walked through again
    profile = cProfile.Profile()
    if options.profile:
        profile.enable()
    for number in range(options.rounds):
        timed.round(number)
    profile.disable()
    timed.order.close()
    if options.profile:
        pstats.Stats(profile).sort_stats("tottime").print_stats(30)
    say(timed)


def say(timed: "Timed") -> None:
    """Medians over the rounds."""
    count = timed.count
    parts = {part: statistics.median(timed.parts_us[part]) / count for part in PARTS}
    steps = sorted(timed.busy_steps_us)
    print(f"{count} requests wait; medians of {len(timed.parts_us['come'])} rounds")
    said = ", ".join(f"{part} {us:.1f}" for part, us in parts.items())
    print(f"per request: {sum(parts.values()):.1f} us ({said})")
    print(f"per step in which nothing happens: {statistics.median(timed.idle_steps_us):.1f} us")
    print(f"per step with one answer: {statistics.median(timed.one_answer_us):.1f} us")
    print(f"longest steps: p99 {steps[int(0.99 * len(steps))] / 1e3:.2f} ms")


class Timed:
    """A queue of so many, filled and emptied again and again."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.sidecar = Spoken()
        self.scheduler = stand_in()
        self.order = QueueOrder(self.scheduler, AdvisorSettings("127.0.0.1:1"), self.sidecar)
        self.parts_us: dict[str, list[float]] = {part: [] for part in PARTS}
        self.idle_steps_us: list[float] = []
        self.one_answer_us: list[float] = []
        self.busy_steps_us: list[float] = []

    def round(self, number: int) -> None:
        """All come, are told of, answered, and end."""
        requests = [new_request(f"{number}-{i}") for i in range(self.count)]
        first = number * self.count
        gc.collect()
        self.parts_us["come"].append(timed(self.arrive, requests))
        for request in requests:
            self.scheduler.requests[request.request_id] = request
            self.scheduler.waiting.add_request(request)
        self.parts_us["told"].append(self.steps(self.count // ANSWERED_AT_ONCE + 1))
        self.parts_us["placed"].append(self.answered(first))
        self.one_answer_us += [self.one_more(number, i) for i in range(20)]
        self.idle_steps_us += [timed(self.step) for _ in range(200)]
        self.parts_us["end"].append(timed(self.end, requests) + self.steps(self.count // 64 + 1))
        self.scheduler.requests.clear()
        self.scheduler.waiting.remove_requests(set(requests))

    def answered(self, first: int) -> float:
        """Predictions of all come, a packet in each step."""
        spent_us = 0.0
        for at in range(first, first + self.count, ANSWERED_AT_ONCE):
            numbers = range(at, min(at + ANSWERED_AT_ONCE, first + self.count))
            self.sidecar.say([(n + 20 * (first // self.count), 150.0 + n % 97) for n in numbers])
            spent_us += self.steps(1)
        return spent_us

    def one_more(self, number: int, at: int) -> float:
        """The step in which one more of those that wait is answered, as at a steady load."""
        request = new_request(f"more-{number}-{at}")
        self.order.arriving(request)
        self.scheduler.waiting.add_request(request)
        self.steps(2)
        self.sidecar.say([((number + 1) * self.count + 20 * number + at, 150.0)])
        spent_us = timed(self.step)
        self.scheduler.waiting.remove_request(request)
        request.status = RequestStatus.FINISHED_STOPPED
        self.order.ended(request)
        self.steps(1)
        return spent_us

    def steps(self, count: int) -> float:
        """So many steps; what was sent in them is read outside the time."""
        spent_us = 0.0
        for _ in range(count):
            self.busy_steps_us.append(timed(self.step))
            spent_us += self.busy_steps_us[-1]
            self.sidecar.drain()
        return spent_us

    def step(self) -> None:
        """One in which nobody starts."""
        self.order.before_step()
        self.order.after_step(IDLE_STEP)

    def arrive(self, requests: list[Request]) -> None:
        """As the mixed scheduler does; vLLM's own part is put off."""
        for request in requests:
            self.order.arriving(request)

    def end(self, requests: list[Request]) -> None:
        """As the mixed scheduler does."""
        for request in requests:
            request.status = RequestStatus.FINISHED_STOPPED
            self.order.ended(request)


class Spoken(SidecarProcess):
    """A sidecar that says what the benchmark puts into its mouth."""

    def __init__(self) -> None:
        super().__init__(EngineInfo(None, 0))
        ours, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for end in (ours, self._theirs):
            end.setblocking(False)
        self._line = Line(ours, self.board.rings)

    def _keep_running(self) -> None:
        """There is no process."""

    def say(self, lengths: list[tuple[int, float]]) -> None:
        """Answer that these numbers have such lengths."""
        answer = ["Predicted", [(number, tokens, POINTS) for number, tokens in lengths]]
        self._theirs.send(msgspec.msgpack.encode(answer))
        self.board.rings += 1

    def drain(self) -> None:
        """Read what the core sent."""
        with suppress(BlockingIOError):
            while self._theirs.recv(MAX_PACKET_BYTES):
                pass


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
    """With a prompt of usual length, of a common vocabulary."""
    params = SamplingParams(max_tokens=1_000)
    ids = [1_000 + 61 * i for i in range(PROMPT_TOKENS)]
    return Request(name, ids, params, None, arrival_time=time.time())


def timed(what: Any, *arguments: Any) -> float:
    """Microseconds."""
    began_s = time.perf_counter()
    what(*arguments)
    return 1e6 * (time.perf_counter() - began_s)


if __name__ == "__main__":
    main()
