"""Queries packed into messages, and their answers matched to them again: no I/O in here."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lengthwise.prediction import Prediction
from lengthwise.request import CompletedRequest, PredictionQuery, as_query
from lengthwise.v1 import length_predictor_pb2 as pb
from scheduler_client.chunks import FRAMING_BYTES, MAX_ITEMS_PER_MESSAGE, Chunker
from scheduler_client.errors import (
    IncompatibleServerError,
    InvalidRequestError,
    LengthPredictorError,
    ServerUnavailableError,
    error_from_item,
)
from scheduler_client.outcome import Outcome, PredictionFailure
from scheduler_client.wire import decode_prediction, encode_completion, encode_query


@dataclass(frozen=True, slots=True)
class Item:
    """One query on its way.

    A query that cannot be sent travels as an empty one, which costs the service nothing, so that a
    message and its answer always stay in step; whatever comes back, `refusal` is its outcome.
    """

    request_id: str
    request: pb.PredictRequest
    refusal: LengthPredictorError | None = None


Parcel = list[Item]
"""The items of one message."""


class Packer:
    """Packs queries into parcels as they come."""

    def __init__(self, max_items: int, max_bytes: int) -> None:
        self._chunker = Chunker[Item](max_items, max_bytes)
        self._max_bytes = max_bytes

    def add(self, prompt: str | PredictionQuery) -> list[Parcel]:
        """Take a query and return the parcels that it completed."""
        query = as_query(prompt)
        try:
            item = Item(query.request_id, encode_within(query, self._max_bytes))
        except InvalidRequestError as error:
            item = Item(query.request_id, pb.PredictRequest(), error)
        return self._chunker.add(item, item.request.ByteSize())

    def rest(self) -> list[Parcel]:
        """Return the parcel that is not full yet, if it holds anything."""
        return self._chunker.rest()


def encode_within(query: PredictionQuery, max_bytes: int) -> pb.PredictRequest:
    """Write a query that is to fit a message of `max_bytes`.

    Raises:
        InvalidRequestError: If it cannot be put on the wire or does not fit.
    """
    request = encode_query(query)
    if request.ByteSize() + FRAMING_BYTES > max_bytes:
        raise InvalidRequestError(
            f"the prompt takes {request.ByteSize():,} bytes: a message holds {max_bytes:,} "
            "(max_send_bytes of the client); shorten it, or raise the limit here and in the service"
        )
    return request


def pack(
    prompts: Iterable[str | PredictionQuery],
    max_bytes: int,
    max_items: int = MAX_ITEMS_PER_MESSAGE,
) -> Iterator[Parcel]:
    """Pack queries into parcels, taking from `prompts` no further ahead than one parcel."""
    refuse_one_string(prompts)
    packer = Packer(max_items, max_bytes)
    for prompt in prompts:
        yield from packer.add(prompt)
    yield from packer.rest()


def refuse_one_string(prompts: object) -> None:
    """Refuse a string where many are expected, of which each letter would become a prompt."""
    if isinstance(prompts, str):
        raise InvalidRequestError("prompts is one string: expected several; ask predict() for one")


def messages_in_flight(prompts_in_flight: int, prompts_per_message: int) -> int:
    """How many messages a stream may have unanswered.

    Raises:
        InvalidRequestError: If either number is out of range.
    """
    if prompts_in_flight < 1:
        raise InvalidRequestError(f"max_in_flight is {prompts_in_flight}: expected at least 1")
    if not 1 <= prompts_per_message <= MAX_ITEMS_PER_MESSAGE:
        raise InvalidRequestError(
            f"prompts_per_message is {prompts_per_message}: expected 1 to {MAX_ITEMS_PER_MESSAGE}"
        )
    return max(1, prompts_in_flight // prompts_per_message)


def pack_completions(
    completions: Iterable[CompletedRequest], max_bytes: int
) -> list[pb.ReportRequest]:
    """Write completions into messages; a bad one stops all, before anything is sent.

    Raises:
        InvalidRequestError: If one cannot be put on the wire; the message says which.
    """
    chunker = Chunker[pb.Completion](MAX_ITEMS_PER_MESSAGE, max_bytes)
    chunks: list[list[pb.Completion]] = []
    for number, completion in enumerate(completions, start=1):
        try:
            message = encode_completion(completion)
        except InvalidRequestError as error:
            raise InvalidRequestError(f"completion {number}: {error}") from error
        chunks += chunker.add(message, message.ByteSize())
    chunks += chunker.rest()
    return [pb.ReportRequest(completions=chunk) for chunk in chunks]


def outcomes(parcel: Parcel, results: Sequence[pb.PredictResult]) -> list[Outcome]:
    """Match the results of a message to the items that it carried.

    Raises:
        IncompatibleServerError: If there are more or fewer results than items.
    """
    if len(results) != len(parcel):
        raise IncompatibleServerError(
            f"the service gave {len(results)} results for {len(parcel)} requests: "
            "expected one each, in the same order"
        )
    return [_outcome(item, result) for item, result in zip(parcel, results, strict=True)]


def _outcome(item: Item, result: pb.PredictResult) -> Outcome:
    if item.refusal is not None:
        return PredictionFailure(item.request_id, item.refusal)
    if result.HasField("response"):
        return decode_prediction(result.response)
    if result.HasField("error"):
        error = error_from_item(result.error.code, result.error.message)
    else:
        error = IncompatibleServerError("the service gave a result that holds nothing")
    return PredictionFailure(item.request_id, error)


def predictions_or_raise(answers: Iterable[Outcome]) -> list[Prediction]:
    """Take the predictions out, or raise the first failure."""
    predictions: list[Prediction] = []
    for answer in answers:
        if isinstance(answer, PredictionFailure):
            raise answer.error
        predictions.append(answer)
    return predictions


class StreamLedger:
    """What a stream has sent and not yet been answered; one side writes it, the other reads.

    deque's append and popleft are atomic, so the two sides may be two threads.
    """

    def __init__(self) -> None:
        self._owed: deque[Parcel] = deque()
        self.all_sent = False
        self.stopped = False
        self.source_error: Exception | None = None

    def sent(self, parcel: Parcel) -> list[pb.PredictRequest]:
        """Note a parcel that is about to go, and return what goes."""
        self._owed.append(parcel)
        return [item.request for item in parcel]

    def answered(self, response: pb.PredictStreamResponse) -> list[Outcome]:
        """Match an answer to the oldest parcel that is owed one."""
        if not self._owed:
            raise IncompatibleServerError("the stream brought an answer that nothing was asked for")
        return outcomes(self._owed.popleft(), response.results)

    def close(self) -> None:
        """Check, at the end of the stream, that nothing is missing.

        Raises:
            ServerUnavailableError: If the service ended the stream early.
            Exception: Whatever the caller's own iterator raised.
        """
        if self._owed or not self.all_sent:
            raise ServerUnavailableError(
                f"the service ended the stream with {len(self._owed)} messages unanswered: "
                "is it stopping? Ask for the rest again"
            )
        if self.source_error is not None:
            raise self.source_error
