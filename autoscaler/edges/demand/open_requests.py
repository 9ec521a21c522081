"""Requests that came and have not ended, of all reporters: bounded, expiring, told at will."""

import threading
from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from autoscaler.core.expectation import Expectation, best_known
from autoscaler.core.interactive import LATELY
from autoscaler.edges.demand.arrival_rate import ArrivalRate
from autoscaler.edges.demand.learnt_means import LearntMeans
from autoscaler.edges.demand.report import OpenRequest, Progress, Report
from autoscaler.errors import TooManyReportersError

MOST_REPORTERS = 1_000
"""Names that may report at once: more than any cluster has gateways."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was known at one moment.

    Args:
        heard_s: When anybody last reported, if only that nothing is new.
        requests: All that are open, each with what is expected of it.
        arrivals_per_s: Interactive requests per second, of late.
        lately: What was expected of the latest interactive requests, the newest last.
        typical: What is expected of a request of which nothing is known.
    """

    heard_s: float
    requests: Sequence[tuple[OpenRequest, Expectation]]
    arrivals_per_s: float
    lately: Sequence[Expectation]
    typical: Expectation


class OpenRequests:
    """Takes reports in, and says what they come to; safe to use from several threads.

    Args:
        default_tokens: Mean answer while nothing has ended, above 0.
        silent_after_s: Without a word of its reporter a request counts for so long: a gateway that
            died has dropped its requests, and one that lives calls every few seconds.
        expire_after_s: For which a request counts at most, from its arrival or its deadline: its
            ending may have been lost.
        most_requests: That are kept; more are refused, and told so.
    """

    def __init__(
        self,
        default_tokens: float,
        *,
        silent_after_s: float = 45.0,
        expire_after_s: float = 3_600.0,
        most_requests: int = 100_000,
    ) -> None:
        self._default_tokens = default_tokens
        self._silent_after_s = silent_after_s
        self._expire_after_s = expire_after_s
        self._most_requests = most_requests
        self._open: dict[str, OpenRequest] = {}
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._heard_s: dict[str, float] = {}
        self._rate = ArrivalRate()
        self._lately: deque[OpenRequest] = deque(maxlen=LATELY)
        self._means = LearntMeans()
        self._lock = threading.Lock()

    def take(self, report: Report, now_s: float) -> list[str]:
        """Take a report in: what it tells again changes nothing, in whatever order it comes.

        Returns:
            What was left out, and why.

        Raises:
            TooManyReportersError: If this one is new and as many are known as may be.
        """
        with self._lock:
            self._hear(report.reporter, now_s)
            faults = [fault for one in report.arrivals if (fault := self._arrive(one))]
            for step in report.progress:
                self._go_on(step)
            for request_id, output_tokens in report.endings.items():
                self._end(request_id, output_tokens)
            return faults

    def snapshot(self, now_s: float) -> Snapshot | None:
        """What is known now; None while nobody has reported."""
        with self._lock:
            self._forget(now_s)
            if not self._heard_s:
                return None
            latest_s = max(self._heard_s.values())
            silent_s = min(now_s, latest_s) - self._silent_after_s
            requests = [one for one in self._open.values() if self._counts(one, silent_s)]
            lately = list(self._lately)
            rate = self._rate.per_s(now_s)
            known = self._expected([*requests, *lately])
            typical = best_known(None, None, self._means.of_llm(""), self._default_tokens)
        return Snapshot(
            latest_s,
            list(zip(requests, known[: len(requests)], strict=True)),
            rate,
            known[len(requests) :],
            typical,
        )

    def __len__(self) -> int:
        return len(self._open)

    def _hear(self, reporter: str, now_s: float) -> None:
        if reporter not in self._heard_s and len(self._heard_s) >= MOST_REPORTERS:
            raise TooManyReportersError(
                f"reporter {reporter!r} is new and {MOST_REPORTERS} others are known: expected the "
                "same name from one that lives on"
            )
        self._heard_s[reporter] = max(now_s, self._heard_s.get(reporter, now_s))
        self._rate.begin(now_s)

    def _arrive(self, request: OpenRequest) -> str | None:
        known = self._open.get(request.request_id)
        if request.request_id in self._ended:
            return None
        if known is not None:
            self._open[request.request_id] = replace(
                known,
                reporter=request.reporter,  # a gateway that follows another tells them again
                predicted=request.predicted if known.predicted is None else known.predicted,
            )
            return None
        if len(self._open) >= self._most_requests:
            return (
                f"request {request.request_id!r} is left out: {self._most_requests} are open, as "
                "many as demand.most_requests allows"
            )
        self._open[request.request_id] = request
        if request.interactive:
            self._rate.add(request.arrived_s)
            self._lately.append(request)
        return None

    def _go_on(self, step: Progress) -> None:
        known = self._open.get(step.request_id)
        if known is not None:
            tokens = max(step.generated_tokens, known.generated_tokens or 0.0)
            engine = step.engine or known.engine
            self._open[step.request_id] = replace(known, generated_tokens=tokens, engine=engine)

    def _end(self, request_id: str, output_tokens: float | None) -> None:
        known = self._open.pop(request_id, None)
        if known is not None and output_tokens is not None:
            self._means.learn(known.llm, known.job, output_tokens)
            if known.llm:
                self._means.learn("", "", output_tokens)
        # Kept for a while, since its arrival may be told again, or only now.
        self._ended[request_id] = None
        while len(self._ended) > self._most_requests:
            self._ended.popitem(last=False)

    def _forget(self, now_s: float) -> None:
        cut_s = now_s - self._expire_after_s
        self._heard_s = {name: at_s for name, at_s in self._heard_s.items() if at_s >= cut_s}
        gone = [
            name
            for name, one in self._open.items()
            if one.due_s < cut_s or one.reporter not in self._heard_s
        ]
        for request_id in gone:
            del self._open[request_id]

    def _counts(self, request: OpenRequest, silent_s: float) -> bool:
        return self._heard_s.get(request.reporter, -1.0) >= silent_s

    def _expected(self, requests: Iterable[OpenRequest]) -> list[Expectation]:
        """Of each; those of which nothing is predicted share what is known of their job."""
        shared: dict[tuple[str, str], Expectation] = {}
        found: list[Expectation] = []
        for one in requests:
            if one.predicted is not None:
                found.append(one.predicted)
                continue
            key = (one.llm, one.job)
            if key not in shared:
                means = self._means.of_job(*key), self._means.of_llm(one.llm)
                shared[key] = best_known(None, *means, self._default_tokens)
            found.append(shared[key])
        return found
