"""The fleet's state out of one look after another at its engines."""

from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urlsplit

from autoscaler.core.demand import DeadlineGroup, Knowledge, TokenDemand
from autoscaler.core.fleet import FleetState, InteractiveDemand, PastNeed, Pool, PoolInstances
from autoscaler.core.interactive import occupancy_ahead_by_mean
from autoscaler.core.options import DecisionOptions
from autoscaler.edges.engine_metrics import (
    EngineSample,
    MeanLengths,
    engine_urls,
    grown,
    scrape,
    total,
)
from autoscaler.errors import NameServerError

LOOKS_KEPT = 2
"""Looks for which an engine that does not answer counts as it last was: it may only be slow, and a
missing answer must not look like a missing load. One that was stopped is then forgotten."""

RATE_WEIGHT = 0.3
"""Of the newest interval in the rate of arrivals: three intervals make two thirds of it."""


class FleetObserver:
    """Asks every engine in turn, and remembers what it must to know rates and means.

    Engines' metrics tell no classes and no predictions: what interactive and mixed engines hold is
    interactive, what batch engines hold is due after the standard deadline, and lengths are the
    LLM's mean. While no engine answers, the state stays what it was, and grows old.

    Args:
        engines: Metrics URLs by pool; "dns+" before one means all addresses of its name.
        options: Their SLOs and capacity say what occupancy to expect.
        mean_tokens: Mean answer while nothing has ended.
        look: Looks at the engine behind a URL; None if it does not answer.
        patient: For a while, before the first state, wait until all engines have answered: of one
            that has not nothing is known, and it may hold much.
    """

    def __init__(
        self,
        engines: Mapping[Pool, Sequence[str]],
        options: DecisionOptions,
        mean_tokens: float,
        look: Callable[[str], EngineSample | None] = scrape,
        *,
        patient: bool = False,
    ) -> None:
        self._engines = engines
        self._options = options
        self._lengths = MeanLengths(mean_tokens)
        self._look = look
        self._looks_for_all = LOOKS_KEPT if patient else 0
        self._before: dict[str, EngineSample] = {}
        self._missed: dict[str, int] = {}
        self._before_s: float | None = None
        self._arrivals_per_s = 0.0
        self._at_zero = False
        self._state: FleetState | None = None

    def observe(self, now_s: float, past_needs: Sequence[PastNeed] = ()) -> FleetState | None:
        """Look at every engine; None if none has ever answered.

        Args:
            now_s: The present, on a clock that never goes back.
            past_needs: Of earlier decisions, to be carried.
        """
        try:
            engines = {
                pool: [engine for url in urls for engine in engine_urls(url)]
                for pool, urls in self._engines.items()
            }
        except NameServerError:
            return self._state
        answers = {url: self._look(url) for urls in engines.values() for url in urls}
        if not any(answers.values()) and not self._is_at_zero(answers, past_needs):
            return self._state
        if self._state is None and self._looks_for_all and not all(answers.values()):
            self._looks_for_all -= 1
            return None
        seen = {
            pool: {url: sample for url in urls if (sample := self._kept(url, answers[url]))}
            for pool, urls in engines.items()
        }
        self._learn(seen, now_s)
        self._state = self._from(seen, now_s, past_needs)
        return self._state

    def held_by_engine(self) -> Mapping[str, int]:
        """Requests that run or wait in each engine, by its HOST:PORT, at the last look."""
        return {urlsplit(url).netloc: sum(total([one])) for url, one in self._before.items()}

    @property
    def mean_tokens(self) -> float:
        """Mean answer of those that ended; the configured one while none has."""
        return self._lengths.output_tokens

    def _is_at_zero(
        self, answers: Mapping[str, EngineSample | None], past_needs: Sequence[PastNeed]
    ) -> bool:
        """Whether no engine answers because none is there, nor is to be.

        From when nothing was needed and all names have no address, until one has again: so a fleet
        that wakes is seen while its first engine starts. Else engines that vanish all at once are
        missing, not gone.
        """
        needs = past_needs[-1].instances.values() if past_needs else (1,)
        self._at_zero = not answers and (self._at_zero or not any(needs))
        return self._at_zero

    def _kept(self, url: str, answer: EngineSample | None) -> EngineSample | None:
        if answer is not None:
            self._missed[url] = 0
            return answer
        self._missed[url] = self._missed.get(url, 0) + 1
        return self._before.get(url) if self._missed[url] <= LOOKS_KEPT else None

    def _learn(self, seen: Mapping[Pool, Mapping[str, EngineSample]], now_s: float) -> None:
        came = 0.0
        for pool, samples in seen.items():
            for url, sample in samples.items():
                before = self._before.get(url)
                if before is None:
                    continue
                self._lengths.learn(before, sample)
                if pool is not Pool.BATCH:
                    held = total([sample]), total([before])
                    came += grown(before.ended, sample.ended) + sum(held[0]) - sum(held[1])
        if self._before_s is not None and now_s > self._before_s:
            rate = max(0.0, came) / (now_s - self._before_s)
            self._arrivals_per_s += RATE_WEIGHT * (rate - self._arrivals_per_s)
        self._before = {url: sample for samples in seen.values() for url, sample in samples.items()}
        self._before_s = now_s

    def _from(
        self,
        seen: Mapping[Pool, Mapping[str, EngineSample]],
        now_s: float,
        past_needs: Sequence[PastNeed],
    ) -> FleetState:
        pools = {
            pool: PoolInstances(
                len(samples),
                busy_interactive=sum(1 for one in samples.values() if sum(total([one]))),
            )
            for pool, samples in seen.items()
        }
        interactive = [
            sample for pool, samples in seen.items() if pool is not Pool.BATCH
            for sample in samples.values()
        ]  # fmt: skip
        running, waiting = total(interactive)
        capacity, slo = self._options.capacity, self._options.slo
        forecast = occupancy_ahead_by_mean(
            running + waiting,
            self._arrivals_per_s,
            self._lengths.output_tokens,
            capacity.itl_s(capacity.slots_within(slo.itl_s)),
            capacity.start_up_s,
        )
        batch = total(seen.get(Pool.BATCH, {}).values())
        return FleetState(
            now_s,
            pools,
            InteractiveDemand(running, self._demand(waiting), forecast),
            [DeadlineGroup(now_s + slo.batch_deadline_s, self._demand(sum(batch)))],
            list(past_needs),
        )

    def _demand(self, requests: int) -> TokenDemand:
        known = Knowledge.LLM_MEAN if self._lengths.is_known else Knowledge.REQUESTS
        return TokenDemand.from_mean(
            requests,
            self._lengths.output_tokens,
            known,
            input_tokens=requests * self._lengths.input_tokens,
        )
