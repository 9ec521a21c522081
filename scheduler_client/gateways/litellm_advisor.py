"""Places LiteLLM's calls, and learns from their ends, of which it tells by their ids."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from scheduler_client.advisor.connection import Connection
from scheduler_client.advisor.known_requests import KnownRequests
from scheduler_client.advisor.rate_limited_log import RateLimitedLog
from scheduler_client.advisor.settings import AdvisorSettings
from scheduler_client.gateways.api_request import ApiRequest
from scheduler_client.gateways.ending import Ending
from scheduler_client.gateways.gateway_advisor import GatewayAdvisor
from scheduler_client.gateways.placed_request import PlacedRequest


@dataclass(frozen=True, slots=True)
class _Sent:
    """A call that was sent on and has not ended."""

    call: ApiRequest
    arrival_s: float


class LitellmAdvisor:
    """What LiteLLM's callback asks and tells. It belongs to one event loop, which runs.

    Args:
        settings: Where the predictor is, and how it is asked.
        log: One line a minute for each kind of failure.
        clock: Wall clock, in seconds since 1970: keys of several proxies share it.
        connection: To the predictor; None makes one.
    """

    def __init__(
        self,
        settings: AdvisorSettings,
        log: RateLimitedLog,
        *,
        clock: Callable[[], float] = time.time,
        connection: Connection | None = None,
    ) -> None:
        self._clock = clock
        self._gateway = GatewayAdvisor(settings, log, clock=clock, connection=connection)
        self._sent = KnownRequests[str, _Sent]()
        self._gateway.start()

    async def place(self, call_id: str, call: ApiRequest) -> PlacedRequest:
        """Give a call its place, within the deadline.

        Args:
            call_id: LiteLLM's, by which it tells of the end.
            call: Its text, and what limits the answer.
        """
        arrival_s = self._clock()
        placed = await self._gateway.place(call, arrival_s)
        self._sent.pop(call_id)
        self._sent.add(call_id, _Sent(call, arrival_s), len(call.text or ""))
        return placed

    def ended(self, call_id: str, ending: Ending, *, answered_by: str = "") -> None:
        """Learn from the end of a call, and report it if its length says something of the LLM.

        Args:
            call_id: As `place` was given it.
            ending: As LiteLLM tells it, whichever model gave the answer.
            answered_by: The name of the model that was asked last; "" if it is the one that was
                asked first. Another one's answer says nothing of the LLM but that the call is over.
        """
        sent = self._sent.pop(call_id)
        if sent is None:
            return
        if answered_by and sent.call.model and answered_by != sent.call.model:
            ending = Ending("error", ended_s=ending.ended_s)
        self._gateway.ended(
            sent.call, sent.arrival_s, ending, was_placed=True, report_name=f"{call_id}#"
        )

    async def close(self) -> None:
        """Send what is left to report, and end."""
        await self._gateway.close()
