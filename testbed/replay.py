"""Replays requests at their times, whatever the engine makes of them (open loop)."""

import asyncio
import gc
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from testbed.completions import CompletionError, body_of, stream_events
from testbed.engine import Engine
from testbed.workload import Request

LEAD_S = 0.2
"""Between the call and the first arrival."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a request; times in seconds after the start of the run.

    Args:
        request: That was sent.
        sent_s: When it was: later than its arrival by the client's lag.
        first_token_s: When the first came; None if none did.
        finished_s: When the answer was complete, or failed.
        output_tokens: As the engine counts them.
        error: Why it failed; None if it did not.
    """

    request: Request
    sent_s: float
    first_token_s: float | None
    finished_s: float
    output_tokens: int
    error: str | None = None

    @property
    def failed(self) -> bool:
        """True if there was an error, or the answer is not as long as was asked for."""
        return self.error is not None or self.output_tokens != self.request.output_tokens

    @property
    def completion_s(self) -> float:
        """Job completion time: from the arrival to the end."""
        return self.finished_s - self.request.arrival_s

    @property
    def first_token_after_s(self) -> float:
        """From the arrival to the first token, or to the end if none came."""
        end_s = self.finished_s if self.first_token_s is None else self.first_token_s
        return end_s - self.request.arrival_s

    @property
    def lag_s(self) -> float:
        """How late the client sent it."""
        return self.sent_s - self.request.arrival_s


def replay(
    engine: Engine,
    requests: Sequence[Request],
    *,
    timeout_s: float | None = None,
    on_finished: Callable[[], None] | None = None,
) -> list[Outcome]:
    """Send each request at its time and wait for all answers.

    Args:
        engine: That serves.
        requests: In any order.
        timeout_s: For each request; None waits as long as it takes.
        on_finished: Called after each, as for a progress bar.

    Returns:
        One per request, in their order.
    """
    return asyncio.run(replay_async(engine, requests, timeout_s=timeout_s, on_finished=on_finished))


async def replay_async(
    engine: Engine,
    requests: Sequence[Request],
    *,
    timeout_s: float | None = None,
    on_finished: Callable[[], None] | None = None,
) -> list[Outcome]:
    """As `replay`, within a running event loop."""
    # Built before the clock starts: at a burst all are due at once.
    bodies = [body_of(request, engine.model) for request in requests]
    start_s = time.monotonic() + LEAD_S

    async def one(request: Request, body: bytes) -> Outcome:
        await asyncio.sleep(start_s + request.arrival_s - time.monotonic())
        outcome = await ask(engine.port, request, body, start_s, timeout_s)
        if on_finished is not None:
            on_finished()
        return outcome

    gc.freeze()
    try:
        return await asyncio.gather(*map(one, requests, bodies))
    finally:
        gc.unfreeze()


async def ask(
    port: int, request: Request, body: bytes, start_s: float, timeout_s: float | None = None
) -> Outcome:
    """Send one request now, and wait for its answer.

    Args:
        port: Of the engine.
        request: What is asked.
        body: The same as JSON: `body_of`.
        start_s: Of the run, by `time.monotonic`.
        timeout_s: For the answer; None waits as long as it takes.
    """
    sent_s = time.monotonic() - start_s
    first_s: float | None = None
    last = b""
    error: str | None = None
    try:
        async with asyncio.timeout(timeout_s):
            async for at_s, event in stream_events(port, body):
                first_s = at_s - start_s if first_s is None else first_s
                last = event
    except CompletionError as failure:
        error = str(failure)
    except TimeoutError:
        error = f"no complete answer within {timeout_s} s"
    finished_s = time.monotonic() - start_s
    return Outcome(request, sent_s, first_s, finished_s, _tokens(last), error)


def _tokens(last_event: bytes) -> int:
    # The last event before the end holds the usage and no choice.
    if not last_event:
        return 0
    usage: dict[str, Any] | None = json.loads(last_event).get("usage")
    return int(usage["completion_tokens"]) if usage else 0


def tokens_per_s_when_full(outcomes: Sequence[Outcome]) -> float:
    """Tokens per second while requests waited.

    From the first token of all to the moment when the last request got its first: until then every
    slot was taken. A request's tokens are spread evenly between its first and its last.

    Args:
        outcomes: Of requests that came all at once, several for each slot.

    Raises:
        ValueError: One failed, or none waited.
    """
    if failed := next((o for o in outcomes if o.failed), None):
        raise ValueError(f"a request of the calibration failed: {failed.error}")
    firsts = [o.first_token_s for o in outcomes if o.first_token_s is not None]
    start_s, end_s = min(firsts), max(firsts)
    if end_s <= start_s:
        raise ValueError("no request waited in the calibration: expected more requests than slots")
    made = sum(_made_by(outcome, end_s) for outcome in outcomes)
    return made / (end_s - start_s)


def _made_by(outcome: Outcome, end_s: float) -> float:
    first_s = outcome.first_token_s or 0.0
    took_s = max(outcome.finished_s - first_s, 1e-9)
    return outcome.output_tokens * min(max((end_s - first_s) / took_s, 0.0), 1.0)
