"""Places the calls that Envoy shows before they go on, and learns from those that it shows after.

Envoy shows the same call twice, on two streams that have nothing but its arrival in common.
"""

from scheduler_client.advisor.connection import Connection
from scheduler_client.advisor.rate_limited_log import RateLimitedLog
from scheduler_client.advisor.settings import AdvisorSettings
from scheduler_client.gateways.api_request import ApiRequest
from scheduler_client.gateways.ending import NO_USAGE, Ending
from scheduler_client.gateways.envoy.activity import Activity
from scheduler_client.gateways.gateway_advisor import GatewayAdvisor
from scheduler_client.gateways.priorities import int32_priority, within_int32

MAX_PLACED = 65_536
"""Calls whose end is awaited; of the oldest beyond them it was not seen."""


class EnvoyAdvisor:
    """What Envoy's processor asks and tells. It belongs to one event loop.

    Args:
        settings: Where the predictor is, and how it is asked.
        log: Failures are said there, each cause once a minute.
        connection: To the predictor; None makes one.
    """

    def __init__(
        self,
        settings: AdvisorSettings,
        log: RateLimitedLog,
        *,
        connection: Connection | None = None,
    ) -> None:
        self._settings = settings
        self._log = log
        self._gateway = GatewayAdvisor(settings, log, connection=connection)
        self.activity = Activity()
        # Arrivals that the rule was told of: it is to hear of no other call's end.
        self._placed: dict[float, None] = {}

    def start(self) -> None:
        """Begin to report, on the event loop that runs."""
        self._gateway.start()

    def in_place_of(self, priority: str) -> int | None:
        """What to set in place of a caller's own header; None where that stays.

        vLLM's Rust frontend takes one beyond 32 bits for 0, which goes first.
        """
        try:
            own = int(priority)
        except ValueError:  # the frontend's to refuse
            return None
        allowed = within_int32(own)
        return None if self._settings.shadow or allowed == own else allowed

    async def priority(self, call: ApiRequest | None, arrival_s: float) -> int | None:
        """The place of a call, within the deadline; None in shadow mode.

        Args:
            call: What is asked for; None if that cannot be read: then the arrival is its place.
            arrival_s: When it came, in seconds since 1970.
        """
        if call is not None and call.priority:
            self.activity.placed("untouched")
            # The header that the route writes would take its place.
            return within_int32(call.priority)
        if call is None:
            placed = self._gateway.place_by_arrival(arrival_s)
        else:
            placed = await self._gateway.place(call, arrival_s)
            self._remember(arrival_s)
        self.activity.placed(placed.fallback or "predicted")
        return None if self._settings.shadow else int32_priority(placed.key)

    def ended(self, call: ApiRequest | None, arrival_s: float, ending: Ending) -> None:
        """Learn from the end of a call, and report it if its length says something of the LLM.

        Args:
            call: What was asked for; None if that could not be read.
            arrival_s: As `priority` was given it.
            ending: As it was read off the response.
        """
        self.activity.ended(ending.kind)
        if ending.kind == "no_usage":
            self._log.warn("no_usage", NO_USAGE)
        was_placed = arrival_s in self._placed
        self._placed.pop(arrival_s, None)
        self._gateway.ended(call, arrival_s, ending, was_placed=was_placed, report_name="envoy-")

    async def close(self) -> None:
        """Send what is left to report, and end."""
        await self._gateway.close()

    def _remember(self, arrival_s: float) -> None:
        if len(self._placed) >= MAX_PLACED:
            del self._placed[next(iter(self._placed))]
        self._placed[arrival_s] = None
