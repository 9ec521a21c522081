"""Counts calls. Written by the event loop alone."""

from collections import defaultdict

from predictor_service.metrics.histogram import LATENCY_BOUNDS_S, Histogram


class CallMeter:
    """Calls by method and status, and how long those of a single answer took."""

    def __init__(self) -> None:
        self.ended: defaultdict[tuple[str, int], int] = defaultdict(int)
        self.under_way = 0
        self.seconds: dict[str, Histogram] = {}
        self.refused: defaultdict[str, int] = defaultdict(int)

    def begin(self) -> None:
        """Count a call that came."""
        self.under_way += 1

    def end(self, method: str, code: int, seconds: float | None) -> None:
        """Count its end.

        Args:
            method: Its name without the service's.
            code: The number of its gRPC status.
            seconds: How long it took; None for a stream, which its caller ends.
        """
        self.under_way -= 1
        self.ended[method, code] += 1
        if seconds is not None:
            histogram = self.seconds.get(method)
            if histogram is None:
                histogram = self.seconds[method] = Histogram(LATENCY_BOUNDS_S)
            histogram.observe(seconds)

    def refuse(self, reason: str) -> None:
        """Count a call that was not let in."""
        self.refused[reason] += 1
