"""What Envoy's messages say, and what goes back."""

from collections.abc import Iterable
from datetime import datetime

from scheduler_client.gateways.envoy.ext_proc import external_processor_pb2 as pb
from scheduler_client.gateways.priorities import VLLM_HEADER

PRIORITY_HEADER = VLLM_HEADER.lower()
"""As HTTP/2 and Envoy write names."""

_TIME_ATTRIBUTE = "request.time"
"""When the first byte of the request came, as Envoy writes it: RFC 3339 with microseconds."""


def headers_of(message: pb.HttpHeaders) -> dict[str, str]:
    """Names in lower case to values; of a name that comes twice the last."""
    return {
        header.key: (header.raw_value or header.value.encode()).decode("latin-1")
        for header in message.headers.headers
    }


def arrival_of(message: pb.ProcessingRequest) -> float | None:
    """When the HTTP request came, in seconds since 1970; None if Envoy is not set to say it."""
    for attributes in message.attributes.values():
        if _TIME_ATTRIBUTE in attributes.fields:
            try:
                return datetime.fromisoformat(
                    attributes.fields[_TIME_ATTRIBUTE].string_value
                ).timestamp()
            except ValueError:
                return None
    return None


def answer_to(
    message: pb.ProcessingRequest, set_headers: Iterable[tuple[str, str]] = ()
) -> pb.ProcessingResponse:
    """The answer that lets a message's part go on, with headers set where it can have them.

    Args:
        message: That is answered; of one that carries nothing the answer carries nothing.
        set_headers: Names and values; they replace those that are there.
    """
    response = pb.ProcessingResponse()
    kind = message.WhichOneof("request")
    if kind is None:
        return response
    part = getattr(response, kind)
    part.SetInParent()
    for name, value in set_headers:
        option = part.response.header_mutation.set_headers.add()
        option.header.key = name
        option.header.raw_value = value.encode()  # Envoy drops what stands in `value`
        option.append_action = pb.OVERWRITE_IF_EXISTS_OR_ADD
    return response
