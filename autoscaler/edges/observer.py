"""The fleet's state out of one look after another at its engines."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from autoscaler.core.demand import DeadlineGroup, Knowledge, TokenDemand
from autoscaler.core.fleet import FleetState, InteractiveDemand, PastNeed, Pool, PoolInstances
from autoscaler.core.interactive import occupancy_ahead_by_mean
from autoscaler.core.options import DecisionOptions
from autoscaler.edges.engine_metrics import (
    ALL_ADDRESSES,
    EngineSample,
    MeanLengths,
    engine_urls,
    grown,
    look_at_all,
    scrape,
    total,
)
from autoscaler.errors import NameServerError

LOOKS_KEPT = 2
"""Looks for which an engine that does not answer counts as it last was: it may only be slow, and a
missing answer must not look like a missing load. One that was stopped is then forgotten; one that
its name still lists is not: by that it is there. So many looks without any address are none yet."""

RATE_WEIGHT = 0.3
"""Of the newest interval in the rate of arrivals: three intervals make two thirds of it."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What an engine last said, and when.

    Args:
        sample: What it said of its requests.
        at_s: When, by the clock of the looks.
        missed: Looks that it has not answered since.
        came_per_s: Requests that came to it each second, between its last two answers.
    """

    sample: EngineSample
    at_s: float
    missed: int = 0
    came_per_s: float = 0.0


class FleetObserver:
    """Asks all engines, and remembers what it must to know rates and means.

    Engines' metrics tell no classes and no predictions: what interactive and mixed engines hold is
    interactive, what batch engines hold is due after the standard deadline, and lengths are the
    LLM's mean. While no engine answers, the state stays what it was, and grows old.

    Args:
        engines: Metrics URLs by pool; "dns+" before one means all addresses of its name.
        options: Their SLOs and capacity say what occupancy to expect.
        mean_tokens: Mean answer while nothing has ended; it counts for a few later, too.
        look: Looks at the engine behind a URL; None if it does not answer. Called from several
            threads at once.
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
        self._before: dict[str, _Seen] = {}
        self._before_s: float | None = None
        self._arrivals_per_s = 0.0
        self._looks_without_address = 0
        self._last_addresses: dict[str, list[str]] = {}
        self._at_zero = False
        self._state: FleetState | None = None

    def observe(self, now_s: float, past_needs: Sequence[PastNeed] = ()) -> FleetState | None:
        """Look at every engine; None if none has ever answered.

        Args:
            now_s: The present, on a clock that never goes back.
            past_needs: Of earlier decisions, to be carried.
        """
        try:
            engines, listed = self._there()
        except NameServerError:
            self._looks_without_address = 0
            return self._state
        answers = look_at_all([url for urls in engines.values() for url in urls], self._look)
        self._looks_without_address = 0 if answers else self._looks_without_address + 1
        if not any(answers.values()) and not self._is_at_zero(answers, past_needs):
            return self._state
        if self._state is None and self._looks_for_all and not all(answers.values()):
            self._looks_for_all -= 1
            return None
        seen = {
            pool: {
                url: one
                for url in urls
                if (one := self._kept(url, answers[url], now_s, is_listed=url in listed))
            }
            for pool, urls in engines.items()
        }
        self._learn(seen, now_s)
        # Of a listed engine that has never answered nothing is known but that it serves.
        ready = {
            pool: sum(1 for url in urls if url in listed or url in seen[pool])
            for pool, urls in engines.items()
        }
        samples = {pool: [one.sample for one in among.values()] for pool, among in seen.items()}
        self._state = self._from(samples, ready, now_s, past_needs)
        return self._state

    def held_by_engine(self) -> Mapping[str, int]:
        """Requests that run or wait in each engine, by its HOST:PORT, at the last look."""
        return {urlsplit(url).netloc: one.sample.held for url, one in self._before.items()}

    @property
    def mean_tokens(self) -> float:
        """Mean answer, drawn towards the configured one while few have ended."""
        return self._lengths.output_tokens

    @property
    def has_no_address(self) -> bool:
        """Whether for some looks the name servers have known no address of any engine.

        None may be there, or all may be out of their service at once: which, others must know.
        """
        return self._looks_without_address > LOOKS_KEPT

    def _there(self) -> tuple[Mapping[Pool, Sequence[str]], set[str]]:
        """The engines by pool, and those of them that a name server lists: they serve.

        What a name server does not say now is where it said last: engines outlive it.

        Raises:
            NameServerError: If nobody knows what a name resolves to, nor knew before.
        """
        found: dict[Pool, list[str]] = {}
        listed: set[str] = set()
        for pool, urls in self._engines.items():
            found[pool] = []
            for url in urls:
                try:
                    self._last_addresses[url] = engine_urls(url)
                except NameServerError:
                    if not self._last_addresses.get(url):
                        raise
                else:
                    if url.startswith(ALL_ADDRESSES):
                        listed.update(self._last_addresses[url])
                found[pool] += self._last_addresses[url]
        return found, listed

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

    def _kept(
        self, url: str, answer: EngineSample | None, now_s: float, *, is_listed: bool
    ) -> _Seen | None:
        if answer is not None:
            return _Seen(answer, now_s)
        before = self._before.get(url)
        if before is None or (before.missed >= LOOKS_KEPT and not is_listed):
            return None
        return replace(before, missed=before.missed + 1)

    def _learn(self, seen: Mapping[Pool, Mapping[str, _Seen]], now_s: float) -> None:
        came_per_s = 0.0
        latest: dict[str, _Seen] = {}
        for pool, among in seen.items():
            for url, one in among.items():
                before = self._before.get(url)
                latest[url] = one
                if before is not None and one.at_s > before.at_s:
                    self._lengths.learn(before.sample, one.sample)
                    ended = grown(before.sample.ended, one.sample.ended)
                    came = ended + one.sample.held - before.sample.held
                    # Since it last answered: what came in many looks is no flood in one.
                    latest[url] = replace(one, came_per_s=came / (one.at_s - before.at_s))
                if pool is not Pool.BATCH:  # of one that missed this look its last rate goes on
                    came_per_s += latest[url].came_per_s
        if self._before_s is not None and now_s > self._before_s:
            self._arrivals_per_s += RATE_WEIGHT * (max(0.0, came_per_s) - self._arrivals_per_s)
        self._before = latest
        self._before_s = now_s

    def _from(
        self,
        samples: Mapping[Pool, Sequence[EngineSample]],
        ready: Mapping[Pool, int],
        now_s: float,
        past_needs: Sequence[PastNeed],
    ) -> FleetState:
        pools = {
            pool: PoolInstances(
                ready[pool],
                busy_interactive=sum(1 for one in among if one.held),
                held_requests=sum(one.held for one in among),
            )
            for pool, among in samples.items()
        }
        running, waiting = total(
            one for pool, among in samples.items() if pool is not Pool.BATCH for one in among
        )
        capacity, slo = self._options.capacity, self._options.slo
        forecast = occupancy_ahead_by_mean(
            running + waiting,
            self._arrivals_per_s,
            self._lengths.output_tokens,
            capacity.itl_s(capacity.slots_within(slo.itl_s)),
            capacity.start_up_s,
        )
        batch = total(samples.get(Pool.BATCH, ()))
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
