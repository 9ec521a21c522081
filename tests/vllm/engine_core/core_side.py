"""The engine core's side without an engine: vLLM's requests and queue, and the sidecar's socket."""

import itertools
import socket
import time
from contextlib import suppress
from types import SimpleNamespace

from vllm import SamplingParams
from vllm.v1.core.sched.request_queue import PriorityRequestQueue
from vllm.v1.request import Request, RequestStatus

from lengthwise.length_distribution import LengthDistribution
from scheduler_client.advisor.settings import AdvisorSettings
from scheduler_client.vllm_plugin.messages import (
    MAX_PACKET_BYTES,
    EngineInfo,
    Predicted,
    decode_to_sidecar,
    encode,
    encode_points,
)
from scheduler_client.vllm_plugin.queue_order import QueueOrder
from scheduler_client.vllm_plugin.sidecar_process import Line, SidecarProcess

SPREAD = LengthDistribution((0.0, 0.5, 1.0), (1.0, 10.0, 100.0))


class Spoken(SidecarProcess):
    """A sidecar whose part the test plays; each start is another pair of sockets."""

    def __init__(self, *args) -> None:
        super().__init__(*args)
        self.start()

    def _keep_running(self) -> None:
        """The test does."""

    def start(self) -> None:
        ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for end in (ours, self.theirs):
            end.setblocking(False)
        self._line = Line(ours, self.board.rings)
        self._left.set()

    def heard(self, kind=object) -> list:
        """What the core has said since, of one kind."""
        if self._outbox._sending.acquire(timeout=0.1):  # else a thread is at it, or waits for room
            self._outbox._sending.release()
        messages = []
        with suppress(BlockingIOError):
            while packet := self.theirs.recv(MAX_PACKET_BYTES):
                messages += decode_to_sidecar(packet)
        return [message for message in messages if isinstance(message, kind)]

    def say(self, *lengths, unknown=()) -> None:
        """Predict so many tokens for each number."""
        said = [(number, tokens, encode_points(SPREAD)) for number, tokens in lengths]
        said += [(number, None, encode_points(None)) for number in unknown]
        self.send(encode(Predicted(said)))

    def send(self, packet: bytes) -> None:
        """Say what may be no message."""
        self.theirs.send(packet)
        self.board.rings += 1

    def end(self) -> None:
        """Die."""
        self.theirs.close()
        self._see_end()


class CoreSide:
    """A QueueOrder over a queue that holds vLLM's own requests."""

    def __init__(self, *, preempting=None, clock=time.monotonic, policy="priority", **options):
        self.sidecar = Spoken(EngineInfo(None, 0), clock)
        self.scheduler = SimpleNamespace(
            requests={},
            running=[],
            waiting=PriorityRequestQueue(),
            kv_holding_waiting=PriorityRequestQueue(),
            vllm_config=SimpleNamespace(model_config=SimpleNamespace(served_model_name="llm")),
            scheduler_config=SimpleNamespace(policy=policy),
        )
        options = {"rule": "aged", **options}
        settings = AdvisorSettings("127.0.0.1:1", **options)
        self.order = QueueOrder(
            self.scheduler, settings, self.sidecar, preempting=preempting, clock=clock
        )
        self._names = itertools.count()

    def come(self, name=None, ids=(1, 2, 3), *, lora=None, params=None, **options) -> Request:
        """A request comes, as the mixed scheduler has it."""
        params = params or SamplingParams(max_tokens=100)
        request = Request(
            name or f"r{next(self._names)}",
            None if ids is None else list(ids),
            params,
            None,
            arrival_time=time.time(),
            lora_request=lora,
            **options,
        )
        self.order.arriving(request)
        self.scheduler.requests[request.request_id] = request
        self.scheduler.waiting.add_request(request)
        return request

    def step(self, *starting) -> None:
        """One step, in which some start."""
        self.order.before_step()
        for request in starting:
            request.status = RequestStatus.RUNNING
            self.scheduler.waiting.remove_request(request)
            self.scheduler.running.append(request)
        started = [SimpleNamespace(req_id=request.request_id) for request in starting]
        self.order.after_step(SimpleNamespace(scheduled_new_reqs=started))

    def end(self, request, status=RequestStatus.FINISHED_STOPPED) -> None:
        """A request ends: vLLM takes it from those that run after the step in which it does."""
        request.status = status
        del self.scheduler.requests[request.request_id]
        self.order.ended(request)
        if request in self.scheduler.running:
            self.scheduler.running.remove(request)

    def waiting(self) -> list[str]:
        """Who waits, in the queue's own order."""
        return [request.request_id for request in self.scheduler.waiting]

    def is_heap(self) -> bool:
        heap = self.scheduler.waiting._heap
        return all(not heap[i] < heap[(i - 1) // 2] for i in range(1, len(heap)))
