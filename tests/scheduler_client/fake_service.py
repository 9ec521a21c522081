"""A small LengthPredictor on a real socket, whose failures a test chooses.

It predicts as many tokens as a prompt has characters. `python fake_service.py` serves one that
never answers, for tests that kill it.
"""

import sys
import threading
from collections import deque
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager

import grpc
from grpc_health.v1 import health, health_pb2_grpc

from lengthwise.v1 import length_predictor_pb2 as pb
from lengthwise.v1 import length_predictor_pb2_grpc as pb_grpc

INVALID = grpc.StatusCode.INVALID_ARGUMENT.value[0]
LEVELS = [0.05, 0.25, 0.5, 0.75, 0.95]


class FakeService(pb_grpc.LengthPredictorServicer):
    """Answers deterministically; `failures` are raised first, one per attempt."""

    def __init__(self, name: str = "v1") -> None:
        self.name = name
        self.failures: deque[tuple[grpc.StatusCode, str]] = deque()
        self.received: list = []
        self.stored: dict[str, pb.Completion] = {}
        self.entered = threading.Event()
        self.cancelled = threading.Event()
        self.gate = threading.Event()
        self.gate.set()
        self.drop_results = 0

    def _enter(self, request, context) -> None:
        self.received.append(request)
        if self.failures:
            context.abort(*self.failures.popleft())
        context.add_callback(self.cancelled.set)
        self.entered.set()
        self.gate.wait(30)

    def predict(self, request: pb.PredictRequest) -> pb.PredictResult:
        if not request.prompt and not request.messages:
            error = pb.PredictError(
                request_id=request.request_id, code=INVALID, message="no prompt"
            )
            return pb.PredictResult(error=error)
        if request.prompt == "bad":
            error = pb.PredictError(request_id=request.request_id, code=INVALID, message="bad one")
            return pb.PredictResult(error=error)
        tokens = float(len(request.prompt or request.messages[-1].content))
        neighbours = [
            pb.Neighbour(id=f"row-{n}", similarity=0.9 - n / 10, output_tokens=10 + n, model="llm")
            for n in range(request.neighbour_count)
        ]
        response = pb.PredictResponse(
            request_id=request.request_id,
            distribution=pb.LengthDistribution(
                expected_tokens=tokens, levels=LEVELS, tokens=[tokens * level for level in LEVELS]
            ),
            confidence=0.75,
            basis=pb.BASIS_NEIGHBOURS,
            nearness=0.9,
            neighbours=neighbours,
            model_known=request.model == "llm",
            index_version=self.name,
            timing=pb.Timing(queue_time_us=1, encode_time_us=2, search_time_us=3, batch_size=4),
        )
        return pb.PredictResult(response=response)

    def Predict(self, request, context):  # noqa: N802  the contract's name
        self._enter(request, context)
        result = self.predict(request)
        if result.HasField("error"):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, result.error.message)
        return result.response

    def PredictBatch(self, request, context):  # noqa: N802  the contract's name
        self._enter(request, context)
        results = [self.predict(item) for item in request.requests]
        return pb.PredictBatchResponse(results=results[self.drop_results :])

    def PredictStream(self, request_iterator, context):  # noqa: N802  the contract's name
        for request in request_iterator:
            self._enter(request, context)
            yield pb.PredictStreamResponse(results=[self.predict(r) for r in request.requests])

    def Report(self, request, context):  # noqa: N802  the contract's name
        self._enter(request, context)
        for completion in request.completions:
            if completion.output_tokens < 0:
                context.abort(
                    grpc.StatusCode.INVALID_ARGUMENT,
                    f"output_tokens is {completion.output_tokens}: expected at least 0",
                )
        before = len(self.stored)
        for completion in request.completions:
            self.stored.setdefault(completion.request_id, completion)
        stored = len(self.stored) - before
        return pb.ReportResponse(stored=stored, duplicates=len(request.completions) - stored)

    def GetIndexInfo(self, request, context):  # noqa: N802  the contract's name
        self._enter(request, context)
        return pb.GetIndexInfoResponse(
            index_version=self.name,
            schema_version=1,
            encoder="mini",
            encoder_hash="0123456789abcdef",
            dimension=384,
            metric="cosine",
            search="flat",
            rows=1000,
            created_unix_s=1_700_000_000.0,
            models=[pb.ModelInfo(model="llm", rows=1000, median_tokens=105, p90_tokens=277)],
            quantile_levels=LEVELS,
            service_version="0.1.0",
            uptime_s=12.5,
            reported=len(self.stored),
        )


class Running:
    """A served FakeService."""

    def __init__(self, service: FakeService, address="127.0.0.1:0", credentials=None) -> None:
        self.service = service
        self.health = health.HealthServicer()
        self.server = grpc.server(futures.ThreadPoolExecutor(8))
        pb_grpc.add_LengthPredictorServicer_to_server(service, self.server)
        health_pb2_grpc.add_HealthServicer_to_server(self.health, self.server)
        self.port = (
            self.server.add_secure_port(address, credentials)
            if credentials
            else self.server.add_insecure_port(address)
        )
        self.target = f"127.0.0.1:{self.port}"
        self.server.start()

    def stop(self) -> None:
        self.service.gate.set()
        self.server.stop(0).wait(10)


@contextmanager
def serving(service: FakeService | None = None, **options) -> Iterator[Running]:
    """Serve until the block ends."""
    running = Running(service or FakeService(), **options)
    try:
        yield running
    finally:
        running.stop()


if __name__ == "__main__":
    with serving() as stuck:
        stuck.service.gate.clear()
        print(stuck.port, flush=True)
        stuck.service.entered.wait()
        print("entered", flush=True)
        sys.stdin.read()
