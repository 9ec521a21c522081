"""The gRPC service that Envoy calls: one stream for each HTTP request."""

from collections.abc import AsyncIterable, AsyncIterator
from typing import Any

from scheduler_client.advisor.rate_limited_log import RateLimitedLog
from scheduler_client.gateways.envoy.envoy_advisor import EnvoyAdvisor
from scheduler_client.gateways.envoy.ext_proc import external_processor_pb2 as pb
from scheduler_client.gateways.envoy.ext_proc import external_processor_pb2_grpc as pb_grpc
from scheduler_client.gateways.envoy.http_exchange import HttpExchange
from scheduler_client.gateways.envoy.messages import answer_to

_UNKNOWN_MODES = frozenset({pb.FULL_DUPLEX_STREAMED, pb.GRPC})
"""In these a body comes back from the processor, not from Envoy's own memory."""


class EnvoyProcessor(pb_grpc.ExternalProcessorServicer):
    """Answers every message of a stream until it wants no more of them.

    It ends a stream by leaving it, upon which Envoy lets the request and the response go on as they
    are. A fault of ours does the same.

    Args:
        advisor: Places calls, and learns from their ends.
        log: Faults of ours are said there, each once a minute.
    """

    def __init__(self, advisor: EnvoyAdvisor, log: RateLimitedLog) -> None:
        self._advisor = advisor
        self._log = log

    async def Process(  # noqa: N802  Envoy's name
        self, request_iterator: AsyncIterable[pb.ProcessingRequest], context: Any
    ) -> AsyncIterator[pb.ProcessingResponse]:
        """Serve one HTTP request."""
        del context
        exchange = HttpExchange(self._advisor)
        try:
            async for message in request_iterator:
                # The first message alone says the modes.
                if message.HasField("protocol_config") and self._is_unknown_mode(message):
                    return
                try:
                    answer = await exchange.take(message)
                except Exception as error:  # noqa: BLE001  the request goes on as it is
                    self._log.fault("taking in a message of Envoy's", error)
                    if not message.observability_mode:
                        yield answer_to(message)
                    return
                if answer is not None:
                    yield answer
                if exchange.is_over:
                    return
        finally:
            self._close(exchange)

    def _is_unknown_mode(self, message: pb.ProcessingRequest) -> bool:
        config = message.protocol_config
        modes = {config.request_body_mode, config.response_body_mode}
        if not modes & _UNKNOWN_MODES:
            return False
        self._log.warn(
            "mode",
            "Envoy is set to a body mode that is not served here, so nothing is predicted: "
            "expected request_body_mode BUFFERED_PARTIAL, response_body_mode NONE or STREAMED",
        )
        return True

    def _close(self, exchange: HttpExchange) -> None:
        try:
            exchange.close()
        except Exception as error:  # noqa: BLE001  nobody waits for this
            self._log.fault("learning from the end of a call", error)
