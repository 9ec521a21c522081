"""What is promised to each class of requests, and to which class a request belongs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from autoscaler.core.checks import above

CLASS_HEADER = "x-lengthwise-class"
"""Of a request: "interactive" or "batch"."""

DEADLINE_HEADER = "x-lengthwise-deadline-s"
"""Of a batch request: seconds from its arrival until it is to be done."""


class RequestClass(StrEnum):
    """Interactive requests are waited for by a person; batch requests have a deadline."""

    INTERACTIVE = "interactive"
    BATCH = "batch"


@dataclass(frozen=True, slots=True)
class Slo:
    """What is promised; Chiron's own tests have 10 s and 200 ms, and an hour and 2 s.

    Args:
        ttft_s: Seconds within which an interactive request has its first token, above 0.
        itl_s: Seconds between two of its tokens, above 0.
        batch_deadline_s: Seconds within which a batch request is done that names no deadline.
        batch_itl_s: Seconds between two tokens of a batch request, above 0.

    Raises:
        InvalidStateError: If a number is not above 0.
    """

    ttft_s: float = 10.0
    itl_s: float = 0.2
    batch_deadline_s: float = 3600.0
    batch_itl_s: float = 2.0

    def __post_init__(self) -> None:
        above(0, ttft_s=self.ttft_s, itl_s=self.itl_s)
        above(0, batch_deadline_s=self.batch_deadline_s, batch_itl_s=self.batch_itl_s)


@dataclass(frozen=True, slots=True)
class RequestPromise:
    """The class of one request.

    Args:
        request_class: Whether somebody waits for it or it has a deadline.
        deadline_s: Seconds from its arrival until it is to be done; None for interactive ones.
    """

    request_class: RequestClass
    deadline_s: float | None = None

    @classmethod
    def from_headers(cls, headers: Mapping[str, str], slo: Slo) -> "RequestPromise":
        """From a request's headers, whatever their case; nothing said, or nonsense, is interactive.

        A deadline alone makes a request a batch one. A promise of llm-d's is interactive, since it
        is one of tokens' times.

        Args:
            headers: Values of the request's headers by their names.
            slo: Says the deadline of batch requests that name none.
        """
        known = {name.lower(): value.strip().lower() for name, value in headers.items()}
        named = known.get(CLASS_HEADER)
        deadline_s = _seconds(known.get(DEADLINE_HEADER))
        if named == RequestClass.BATCH or (named is None and deadline_s is not None):
            return cls(RequestClass.BATCH, deadline_s or slo.batch_deadline_s)
        return cls(RequestClass.INTERACTIVE)


def _seconds(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) and value > 0 else None
