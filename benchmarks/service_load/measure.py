"""One pass over the service, beside one over the encoder alone."""

from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.harness.children import LineChild
from benchmarks.harness.processes import cpu_seconds
from benchmarks.harness.raw_encoder import Encode, Timed, single_p50_ms, timed
from benchmarks.service_load.job import LoadJob, LoadResult
from benchmarks.service_load.servers import Server

WARM_UP_PROMPTS = 256
"""Asked before a pass, at most."""

KINDS = {
    "unary": "unary",
    "coalesced": "coalesced",
    "stream": "stream",
    "batch": "PredictBatch",
    "http": "HTTP",
}


def job_name(job: LoadJob, processes: int = 1) -> str:
    """A way of asking, for people."""
    many = "s" if job.callers > 1 else ""
    what = "stream" if job.kind == "stream" else "caller"
    name = f"{KINDS[job.kind]}, {job.callers} {what}{many}"
    if job.per_message > 1:
        name += f", {job.per_message}/message"
    return name if processes == 1 else f"{name}, {processes} proc."


@dataclass(frozen=True, slots=True)
class ServicePass:
    """A pass of the service, and the raw encoder's right before it.

    Args:
        job: How the service was asked.
        processes: How many the service ran in.
        result: What the asker saw of the pass.
        server_cpu_s: CPU time of the service.
        raw: The encoder alone, on the same prompts.
    """

    job: LoadJob
    processes: int
    result: LoadResult
    server_cpu_s: float
    raw: Timed

    @property
    def name(self) -> str:
        """For people."""
        return job_name(self.job, self.processes)

    @property
    def of_raw_rate(self) -> float:
        """Predictions per second over the encoder's prompts per second."""
        return self.result.rate / self.raw.rate

    @property
    def cpu_s_per_1000(self) -> float:
        """CPU seconds of the service per 1,000 predictions."""
        return 1_000 * self.server_cpu_s / self.result.predictions

    @property
    def of_raw_cpu(self) -> float:
        """That over the encoder's CPU seconds per 1,000 prompts."""
        return self.cpu_s_per_1000 / self.raw.cpu_s_per_1000


class Measurer:
    """Asks one server through a load generator of its own.

    Args:
        server: The running server that is asked.
        prompt_file: JSON list of prompts to ask.
        prompts: The same, for the encoder alone.
        encode: The encoder alone; None if it is not compared.
        chunk: Prompts in a call of it.
    """

    def __init__(
        self,
        server: Server,
        prompt_file: Path,
        prompts: list[str],
        encode: Encode | None,
        chunk: int,
    ) -> None:
        self._server = server
        self._prompts = prompts
        self._encode = encode
        self._chunk = chunk
        self._generator = LineChild(
            "benchmarks.service_load.generator", str(prompt_file), str(server.port)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._generator.__exit__(kind, error, traceback)

    def load(self, job: LoadJob) -> LoadResult:
        """Ask the server."""
        return LoadResult(**self._generator.ask(**job.to_dict()))

    def warm_up(self, job: LoadJob) -> None:
        """Ask a little, unmeasured."""
        self.load(replace(job, prompts=min(job.prompts, WARM_UP_PROMPTS)))

    def beside_encoder(self, job: LoadJob, processes: int) -> ServicePass:
        """Measure the encoder alone, then the server."""
        assert self._encode is not None, "an encoder to compare with"  # noqa: S101
        raw = timed(self._encode, self._prompts, self._chunk)
        before_s = cpu_seconds(self._server.pid)
        result = self.load(job)
        return ServicePass(job, processes, result, cpu_seconds(self._server.pid) - before_s, raw)

    def single(self, count: int) -> tuple[float, float]:
        """Median latency of the server at one caller and of the encoder alone, in milliseconds.

        The two take turns over the prompts, so that both meet the same noise.
        """
        assert self._encode is not None, "an encoder to compare with"  # noqa: S101
        raw_ms = single_p50_ms(self._encode, self._prompts[:count])
        ours = self.load(LoadJob("unary", callers=1, prompts=count))
        return ours.latency_ms(0.5), raw_ms
