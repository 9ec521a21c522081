"""One HTTP request and its response, message by message, as Envoy tells of them.

Two ways of asking come here, and one filter may do both: Envoy waits for the request's priority,
and Envoy shows the request and its response to whoever watches.
"""

import time

from scheduler_client.gateways.answer_reader import AnswerReader
from scheduler_client.gateways.api_request import MAX_BODY_BYTES, ApiRequest
from scheduler_client.gateways.ending import Ending
from scheduler_client.gateways.envoy.api_call import RequestHead, read_call
from scheduler_client.gateways.envoy.envoy_advisor import EnvoyAdvisor
from scheduler_client.gateways.envoy.ext_proc import external_processor_pb2 as pb
from scheduler_client.gateways.envoy.messages import (
    PRIORITY_HEADER,
    answer_to,
    arrival_of,
    headers_of,
)


class HttpExchange:
    """Takes in Envoy's messages, and says what to answer and when nothing more is wanted.

    Args:
        advisor: Places the call, and learns from its end.
    """

    def __init__(self, advisor: EnvoyAdvisor) -> None:
        self._advisor = advisor
        self._places = False
        self._watches = False
        self._head: RequestHead | None = None
        self._body = bytearray()
        self._call: ApiRequest | None = None
        self._reader: AnswerReader | None = None
        self._arrival_s = time.time()
        self.is_over = False

    async def take(self, message: pb.ProcessingRequest) -> pb.ProcessingResponse | None:
        """Take in a message.

        Returns:
            The answer; None where Envoy expects none.
        """
        kind = message.WhichOneof("request")
        set_headers: list[tuple[str, str]] = []
        if kind == "request_headers":
            set_headers = self._begin(message)
        elif kind == "request_body":
            set_headers = await self._take_request_body(message.request_body)
        elif kind == "response_headers":
            self._take_response_head(message.response_headers)
        elif kind == "response_body":
            self._take_response_body(message.response_body)
        elif kind == "response_trailers":
            self._finish(whole=True)
        return None if message.observability_mode else answer_to(message, set_headers)

    def close(self) -> None:
        """Envoy tells no more: without the end of a response its caller has left."""
        if self._watches and not self.is_over:
            self._finish(whole=False)

    def _begin(self, message: pb.ProcessingRequest) -> list[tuple[str, str]]:
        config = message.protocol_config
        self._places = not message.observability_mode and config.request_body_mode != pb.NONE
        self._watches = message.observability_mode or config.response_body_mode != pb.NONE
        self._arrival_s = arrival_of(message) or self._arrival_s
        self._head = RequestHead.from_headers(headers_of(message.request_headers))
        set_headers: list[tuple[str, str]] = []
        if self._places and self._head.asks_for_text and self._head.priority is not None:
            # Where the caller has set a priority it stays.
            self._places = False
            if (allowed := self._advisor.in_place_of(self._head.priority)) is not None:
                set_headers.append((PRIORITY_HEADER, str(allowed)))
        self.is_over = (
            not self._head.asks_for_text
            or message.request_headers.end_of_stream
            or not (self._places or self._watches)
        )
        return set_headers

    async def _take_request_body(self, part: pb.HttpBody) -> list[tuple[str, str]]:
        if len(self._body) <= MAX_BODY_BYTES:
            self._body += part.body
        if not (self._places or part.end_of_stream):
            return []
        self._read_call()
        if not self._places:
            return []
        priority = await self._advisor.priority(self._call, self._arrival_s)
        self._places, self.is_over = False, not self._watches
        return [] if priority is None else [(PRIORITY_HEADER, str(priority))]

    def _read_call(self) -> None:
        if self._head is not None and self._head.is_plain:
            self._call = read_call(bytes(self._body), is_completion=self._head.is_completion)
        self._body.clear()

    def _take_response_head(self, part: pb.HttpHeaders) -> None:
        if self._body:  # trailers ended the request
            self._read_call()
        self._reader = AnswerReader(headers_of(part))
        if self._reader.is_settled or part.end_of_stream:
            self._finish(whole=True)

    def _take_response_body(self, part: pb.HttpBody) -> None:
        if self._reader is None:
            return
        self._reader.feed(part.body, time.time())
        if self._reader.is_settled or part.end_of_stream:
            self._finish(whole=True)

    def _finish(self, *, whole: bool) -> None:
        ending = self._reader.ending(whole=whole) if self._reader else Ending("abort")
        self.is_over = True
        self._advisor.ended(self._call, self._arrival_s, ending)
