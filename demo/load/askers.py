"""Who is asked: an engine over HTTP, or the predictor alone."""

import json
import urllib.request
from typing import Protocol, Self
from urllib.parse import urlsplit
from uuid import uuid4

from demo.load.traffic import LIMIT_TOKENS, LoadRequest
from demo.sample_history import SAMPLE_MODEL
from scheduler_client import CompletedRequest, LengthPredictorError
from scheduler_client.aio import AsyncLengthPredictorClient
from testbed.completions import CompletionError, body_of, stream_events
from testbed.workload import Request

TIMEOUT_S = 20.0
"""For the engine to say which model it serves, in seconds."""


class NoAnswerError(Exception):
    """A request was not answered; the message says why."""


class Asker(Protocol):
    """Sends one request and waits until all is done."""

    async def ask(self, request: LoadRequest) -> None:
        """Ask.

        Raises:
            NoAnswerError: There was no answer.
        """
        ...


class EngineAsker:
    """Asks vLLM, whose plugin asks the predictor and reports to it.

    Args:
        host: Where the engine's HTTP server listens.
        port: Port of the engine's HTTP server.
        model: The name to ask for.
    """

    def __init__(self, host: str, port: int, model: str) -> None:
        self._host, self._port, self._model = host, port, model

    @classmethod
    def at(cls, url: str) -> Self:
        """The engine at a URL, asked for the first model that it serves.

        Raises:
            NoAnswerError: The URL is none, or nothing answers there.
        """
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise NoAnswerError(f"the engine is {url!r}: expected http://HOST:PORT")
        try:
            # The scheme was looked at above.
            with urllib.request.urlopen(f"{url}/v1/models", timeout=TIMEOUT_S) as answer:  # noqa: S310
                model = str(json.load(answer)["data"][0]["id"])
        except (OSError, ValueError, LookupError) as error:
            raise NoAnswerError(f"no engine answers at {url}: {error}") from error
        return cls(parts.hostname, parts.port or 80, model)

    async def ask(self, request: LoadRequest) -> None:
        """Ask for an answer, as long as the request says where the engine can be told."""
        made = Request(request.prompt, request.output_tokens, 0.0, LIMIT_TOKENS)
        body = body_of(made, self._model)
        try:
            async for _ in stream_events(self._port, body, self._host):
                pass
        except CompletionError as error:
            raise NoAnswerError(str(error)) from error


class PredictorAsker:
    """Asks for a prediction and reports the length at once, where there is no engine.

    Args:
        client: An open one; whoever opened it closes it.
    """

    def __init__(self, client: AsyncLengthPredictorClient) -> None:
        self._client = client

    async def ask(self, request: LoadRequest) -> None:
        """Ask and report."""
        name = uuid4().hex
        tokens = request.output_tokens
        done = CompletedRequest(name, tokens, request.prompt, model=SAMPLE_MODEL)
        try:
            await self._client.predict(request.prompt, model=SAMPLE_MODEL, request_id=name)
            await self._client.report([done])
        except LengthPredictorError as error:
            raise NoAnswerError(str(error)) from error
