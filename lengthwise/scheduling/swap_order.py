"""Who keeps its keys and values when there is not room for all: by estimated wait time.

After ALISE (Zhao and Wang 2024, arXiv 2410.23537, section 3.3): what waits long goes out, what is
wanted soon comes in. A decision alone, for the vLLM plugin and the simulator.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True, slots=True)
class WaitingJob:
    """A request that waits, as far as its wait is concerned.

    Args:
        remaining_s: Its estimated time to go, once it runs.
        at_most_s: Aging brings it to the front within this time, whatever is before it.
    """

    remaining_s: float
    at_most_s: float = float("inf")


def estimated_waits_s(
    queue: Sequence[tuple[Name, WaitingJob]], running_s: Iterable[float]
) -> dict[Name, float]:
    """EWT of all that wait: the work before each, shared by as many as run at once, or its aging.

    Args:
        queue: All that wait, the first to run first.
        running_s: Estimated time to go of each that runs.

    Returns:
        Seconds, by name.
    """
    left_s = list(running_s)
    ahead_s, at_once = sum(left_s), max(1, len(left_s))
    waits_s: dict[Name, float] = {}
    for name, job in queue:
        waits_s[name] = min(ahead_s / at_once, job.at_most_s)
        ahead_s += job.remaining_s
    return waits_s


def longest_wait(candidates: Iterable[Name], waits_s: Mapping[Name, float]) -> Name:
    """Who goes out first; of equal waits the last candidate, as whoever came last is served last.

    Raises:
        ValueError: If there is no candidate.
    """
    ranked = [(waits_s[name], number, name) for number, name in enumerate(candidates)]
    if not ranked:
        raise ValueError("nobody can go out: there is no candidate")
    return max(ranked, key=lambda entry: entry[:2])[2]


def who_goes_out(
    held: Mapping[Name, int], waits_s: Mapping[Name, float], wanted: int
) -> list[Name] | None:
    """Whom to evict until enough is free: longest waits first.

    One that waits for twice as long keeps its place occupied for twice as long, and what it saves
    grows with its size as its place does: so of equal bytes the shorter wait is worth more.

    Args:
        held: What each candidate holds, in whatever unit `wanted` has. Leave out who must stay.
        waits_s: Estimated wait of each candidate.
        wanted: How much is to become free.

    Returns:
        The evicted, in that order; None if all together hold less than is wanted.
    """
    if sum(held.values()) < wanted:
        return None
    left = dict(held)
    out: list[Name] = []
    while wanted > 0:
        gone = longest_wait(left, waits_s)
        wanted -= left.pop(gone)
        out.append(gone)
    return out


@dataclass(frozen=True, slots=True)
class RunningJob:
    """A request that runs, as far as its memory is concerned.

    Args:
        key: Its place in the queue if it waited: lower goes first.
        held: What it holds, in whatever unit is wanted.
    """

    key: float
    held: int


def who_makes_room(
    running: Mapping[Name, RunningJob], *, favoured_key: float, margin: float, wanted: int
) -> list[Name]:
    """Who goes out so that the first of the queue fits in: the highest keys first.

    Where memory is short rather than slots, a shorter request waits although a slot is free.

    Args:
        running: All that may be taken off.
        favoured_key: Of the first of the queue.
        margin: Only a key higher by more than this goes out: what a swap costs should be won.
        wanted: How much is to become free.

    Returns:
        The victims, in that order; none if they would not do, for then nobody is to suffer.
    """
    out: list[Name] = []
    for name, job in sorted(running.items(), key=lambda item: item[1].key, reverse=True):
        if wanted <= 0 or job.key <= favoured_key + margin:
            break
        wanted -= job.held
        out.append(name)
    return out if wanted <= 0 else []
