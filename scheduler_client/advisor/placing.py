"""Places for requests before an engine sees them: asked about within a deadline."""

from dataclasses import dataclass

from lengthwise.prediction import Prediction
from scheduler_client.advisor.api_request import ApiRequest
from scheduler_client.advisor.asker import Asker, FallbackCause
from scheduler_client.advisor.connection import Connection
from scheduler_client.advisor.key_maker import KeyMaker
from scheduler_client.advisor.rate_limited_log import RateLimitedLog
from scheduler_client.advisor.request import Request
from scheduler_client.advisor.settings import AdvisorSettings


@dataclass(frozen=True, slots=True)
class PlacedRequest:
    """A request that has its place.

    Args:
        key: In microseconds since 1970; lower goes first.
        arrival_s: When it came, in seconds since 1970.
        expected_tokens: What its answer is taken for, in tokens: predicted, or typical of its LLM.
        fallback: Why it was not predicted; None if it was.
    """

    key: int
    arrival_s: float
    expected_tokens: float
    fallback: FallbackCause | None = None


class Placing:
    """Asks the predictor, and makes keys of what it says. It belongs to one event loop.

    Args:
        settings: The rule, the deadline and how the predictor is asked.
        connection: Gives the client that asks; whoever made it closes it.
        log: One line a minute for each kind of failure.
    """

    def __init__(
        self, settings: AdvisorSettings, connection: Connection, log: RateLimitedLog
    ) -> None:
        self._settings = settings
        self._log = log
        self._asker = Asker(settings, connection, log)
        self.keys = KeyMaker(settings.make_rule())
        """Whoever hears of ends teaches it."""

    def model(self, call: ApiRequest) -> str:
        """The LLM's name in the predictor's history."""
        return self._settings.model or call.model

    async def place(self, call: ApiRequest, arrival_s: float) -> PlacedRequest:
        """Give a call its place, within the deadline.

        Args:
            call: Its text, and what limits the answer.
            arrival_s: When it came, in seconds since 1970: keys of several processes share it.
        """
        model = self.model(call)
        request = Request(model, call.max_tokens, 0, arrival_s)
        answer = await self._asker.answer(call.query(model), self._settings.deadline_s)
        if not isinstance(answer, Prediction):
            return self._typically_placed(request, answer)
        try:
            key = self.keys.key(request, answer.expected_tokens, answer.distribution())
        except (ArithmeticError, ValueError) as error:
            self._log.warn("nonsense", f"the prediction cannot be one: {error}")
            return self._typically_placed(request, "predictor_error")
        return PlacedRequest(key, arrival_s, answer.expected_tokens)

    def place_by_arrival(self, arrival_s: float) -> PlacedRequest:
        """The place of a call that cannot be read; the rule is to hear nothing of its end."""
        key = self.keys.arrival_key(arrival_s)
        return PlacedRequest(key, arrival_s, self.keys.typical_of_all_tokens, "no_text")

    async def close(self) -> None:
        """Give up what is under way."""
        await self._asker.close()

    def _typically_placed(self, request: Request, cause: FallbackCause) -> PlacedRequest:
        tokens = self.keys.expected_tokens(request)
        return PlacedRequest(self.keys.key(request), request.arrival_s, tokens, cause)
