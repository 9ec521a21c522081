"""The client's settings, checked when built."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import grpc

from scheduler_client.access import Access
from scheduler_client.errors import InvalidRequestError
from scheduler_client.service_config import service_config
from scheduler_client.targets import ResolvedTarget, resolve_target

ChannelOption = tuple[str, int | str]

MAX_DEADLINE_S = 30 * 24 * 3600
"""A month: beyond it a deadline is taken for a mistake."""


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """Settings of a client; LengthPredictorClient says what each means.

    Raises:
        InvalidRequestError: If a setting is out of range; the message gives name, value and range.
    """

    target: str
    timeout_s: float
    stream_timeout_s: float
    max_attempts: int
    max_send_bytes: int
    max_receive_bytes: int
    wait_for_ready: bool
    use_proxy: bool
    access: Access
    credentials: grpc.ChannelCredentials | None
    channel_options: Sequence[ChannelOption]

    def __post_init__(self) -> None:
        checked_timeout_s(self.timeout_s, "timeout_s")
        checked_timeout_s(self.stream_timeout_s, "stream_timeout_s")
        if not 1 <= self.max_attempts <= 5:
            raise InvalidRequestError(f"max_attempts is {self.max_attempts}: expected 1 to 5")
        for name in ("max_send_bytes", "max_receive_bytes"):
            size: int = getattr(self, name)
            if not 1024 <= size < 2**31:
                raise InvalidRequestError(f"{name} is {size}: expected 1,024 to {2**31 - 1:,}")

    def resolve(self) -> ResolvedTarget:
        """The target as gRPC takes it; looks up host names if there are several addresses."""
        return resolve_target(self.target)

    def channel_credentials(self) -> grpc.ChannelCredentials | None:
        """For a secure channel; None for plain text.

        Raises:
            InvalidRequestError: If a file cannot be read.
        """
        return self.credentials or self.access.credentials()

    def grpc_options(self, target: ResolvedTarget) -> list[ChannelOption]:
        """Channel options; the caller's own win."""
        options: list[ChannelOption] = [
            ("grpc.service_config", service_config(self.max_attempts)),
            ("grpc.enable_retries", 1),
            # What is larger, with its headers, is not retried; by default 256 KiB.
            ("grpc.per_rpc_retry_buffer_size", min(self.max_send_bytes + 2**16, 2**31 - 1)),
            ("grpc.max_send_message_length", self.max_send_bytes),
            ("grpc.max_receive_message_length", self.max_receive_bytes),
            # A restarted service is found again within seconds rather than minutes.
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 5_000),
            # A connection of its own: another client's failures do not hold this one back.
            ("grpc.use_local_subchannel_pool", 1),
            # gRPC takes even 127.0.0.1 to the proxy, and knows no_proxy in lower case alone.
            ("grpc.enable_http_proxy", int(self.use_proxy)),
        ]
        if target.authority:
            options.append(("grpc.default_authority", target.authority))
        # Of two values of one option gRPC takes the first: only one may be there.
        return list({**dict(options), **dict(self.channel_options)}.items())


def checked_timeout_s(timeout_s: float, name: str = "timeout_s") -> float:
    """Return the deadline if it can be one.

    Raises:
        InvalidRequestError: If it is not a number of seconds above 0 and at most MAX_DEADLINE_S.
    """
    if not (math.isfinite(timeout_s) and 0 < timeout_s <= MAX_DEADLINE_S):
        raise InvalidRequestError(
            f"{name} is {timeout_s:g}: expected seconds above 0 and at most {MAX_DEADLINE_S:,}"
        )
    return timeout_s
