"""What the two clients share: everything but the waiting."""

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import grpc

from scheduler_client.access import Access
from scheduler_client.calls import status_of
from scheduler_client.config import ChannelOption, ClientConfig, checked_timeout_s
from scheduler_client.connection_trouble import unavailable, with_proxy
from scheduler_client.errors import ClientClosedError, LengthPredictorError, error_from_status
from scheduler_client.targets import DEFAULT_TARGET


class ClientBase(ABC):
    """Settings and error translation of both clients.

    Args:
        target: "host:port", several of them separated by commas (calls then go round robin), or a
            target in gRPC's own syntax such as "dns:///predictor:50051" or "unix:/run/lw.sock".
        timeout_s: Deadline of every call, in seconds, retries included.
        stream_timeout_s: Deadline of a whole stream, in seconds.
        max_attempts: Attempts at a call while the service is UNAVAILABLE, 1 (no retry) to 5.
        max_send_bytes: Largest message sent, in bytes; by default what gRPC servers take by
            default.
        max_receive_bytes: Largest message taken, in bytes.
        wait_for_ready: Wait for a service that is not there yet, up to the deadline, instead of
            failing at once.
        use_proxy: Go through the proxy that `http_proxy` and the like name in the environment. Off,
            since such a proxy leads out of the network, and a predictor is inside.
        access: Files of certificates and of a token; none means plain text.
        credentials: For TLS of another kind, from grpc.ssl_channel_credentials() and the like; they
            win over the certificates of `access`.
        channel_options: Further gRPC channel options, which win over the client's own.

    Raises:
        InvalidRequestError: If a setting is out of range.
        ServerUnavailableError: If one of several host names cannot be found.
    """

    def __init__(
        self,
        target: str = DEFAULT_TARGET,
        *,
        timeout_s: float = 10.0,
        stream_timeout_s: float = 3600.0,
        max_attempts: int = 4,
        max_send_bytes: int = 4 * 1024 * 1024,
        max_receive_bytes: int = 64 * 1024 * 1024,
        wait_for_ready: bool = False,
        use_proxy: bool = False,
        access: Access | None = None,
        credentials: grpc.ChannelCredentials | None = None,
        channel_options: Sequence[ChannelOption] = (),
    ) -> None:
        self._config = ClientConfig(
            target=target,
            timeout_s=timeout_s,
            stream_timeout_s=stream_timeout_s,
            max_attempts=max_attempts,
            max_send_bytes=max_send_bytes,
            max_receive_bytes=max_receive_bytes,
            wait_for_ready=wait_for_ready,
            use_proxy=use_proxy,
            access=access or Access(),
            credentials=credentials,
            channel_options=channel_options,
        )
        self._token = self._config.access.token_file()
        self._closed = False
        self._prepare()

    @abstractmethod
    def _prepare(self) -> None:
        """Resolve the target, and open the channel if that needs no event loop."""

    @property
    def target(self) -> str:
        """The address as it was given."""
        return self._config.target

    def _check_open(self) -> None:
        if self._closed:
            raise ClientClosedError("the client is closed: make a new one")

    def _deadline_s(self, timeout_s: float | None, default_s: float) -> float:
        """The deadline of a call that is about to start.

        Raises:
            ClientClosedError: If the client is closed.
            InvalidRequestError: If the deadline is not one.
        """
        self._check_open()
        return default_s if timeout_s is None else checked_timeout_s(timeout_s)

    def _options(self, deadline_s: float) -> dict[str, Any]:
        """What goes with every call."""
        return {
            "timeout": deadline_s,
            "wait_for_ready": self._config.wait_for_ready,
            "metadata": None if self._token is None else self._token.metadata(),
        }

    def _translate(self, error: grpc.RpcError, timeout_s: float) -> LengthPredictorError:
        """Say in the client's own terms why a call failed."""
        if self._closed:
            return self._closed_error()
        code = status_of(error) or grpc.StatusCode.UNKNOWN
        number: int = code.value[0]
        details: str = getattr(error, "details", lambda: "")() or ""
        if code is grpc.StatusCode.UNAVAILABLE:
            found = unavailable(details, self.target, self._config.access)
            return with_proxy(found, os.environ, used=self._config.use_proxy)
        return error_from_status(number, details, target=self.target, timeout_s=timeout_s)

    def _closed_error(self) -> ClientClosedError:
        return ClientClosedError("the client was closed before the call was answered")
