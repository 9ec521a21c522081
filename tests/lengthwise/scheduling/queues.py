"""A queue with slots, served in the order of a rule's keys, in virtual time."""

from heapq import heappop, heappush

from lengthwise.scheduling import FinishedJob, PriorityRule, QueuedJob


def job(arrival_s: float, service_time_s: float = 1.0) -> QueuedJob:
    return QueuedJob(arrival_s, 10, 50 * service_time_s, service_time_s)


def ending(arrival_s: float, queued_s: float = 0.0, service_s: float = 1.0) -> FinishedJob:
    return FinishedJob(arrival_s, queued_s, service_s, 10, round(50 * service_s))


def served(rule: PriorityRule, jobs: list[tuple[float, float]], slots: int = 1) -> list[float]:
    """How long each job waited; predictions are exact.

    Args:
        rule: Gives the keys.
        jobs: Arrival and service time, by arrival.
        slots: Jobs that run at once.
    """
    waits = [0.0] * len(jobs)
    waiting: list[tuple[int, int]] = []
    running: list[tuple[float, int]] = []
    coming = 0
    while coming < len(jobs) or running:
        if coming < len(jobs) and (not running or jobs[coming][0] < running[0][0]):
            now_s = jobs[coming][0]
            heappush(waiting, (rule.key(job(*jobs[coming])), coming))
            coming += 1
        else:
            now_s, done = heappop(running)
            arrival_s, time_s = jobs[done]
            rule.finished(ending(arrival_s, waits[done], time_s))
        while waiting and len(running) < slots:
            _, index = heappop(waiting)
            waits[index] = now_s - jobs[index][0]
            heappush(running, (now_s + jobs[index][1], index))
    return waits
