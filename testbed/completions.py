"""The least HTTP/1.1 that asks /v1/completions for a stream, so that asking costs little.

A client library takes about as much CPU per token as the tiny model does; on a machine of two cores
it would be part of what is measured.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

from testbed.workload import TRUE_TOKENS, Request


class CompletionError(Exception):
    """The engine refused a request, or hung up in the middle of one."""


def body_of(request: Request, model: str) -> bytes:
    """A request as JSON: exactly as long an answer as is said, sampled greedily."""
    ends_itself = request.limit_tokens is not None
    body: dict[str, Any] = {
        "model": model,
        "prompt": request.prompt,
        "max_tokens": request.limit_tokens if ends_itself else request.output_tokens,
        "ignore_eos": not ends_itself,
        "temperature": 0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if request.priority is not None:
        body["priority"] = request.priority
    if request.stop is not None:
        body["stop"] = request.stop
    if ends_itself:
        body["vllm_xargs"] = {TRUE_TOKENS: request.output_tokens}
    return json.dumps(body).encode()


async def stream_events(
    port: int, body: bytes, host: str = "127.0.0.1"
) -> AsyncIterator[tuple[float, bytes]]:
    """Ask, and pass on what comes.

    Args:
        port: Of the engine.
        body: The request.
        host: Of the engine.

    Yields:
        The monotonic time and the JSON of each event but the last, "[DONE]".

    Raises:
        CompletionError: The engine answered with an error, or hung up before the end.
    """
    head = (
        f"POST /v1/completions HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    try:
        reader, writer = await asyncio.open_connection(host, port, limit=2**20)
    except OSError as error:
        raise CompletionError(f"no connection: {error}") from error
    try:
        writer.write(head + body)
        await writer.drain()
        status, *_ = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        if " 200 " not in f"{status} ":
            said = (await reader.read(2_000)).decode("utf-8", "replace")
            raise CompletionError(f"the engine answered {status!r}: {said}")
        # Lines of the chunked coding lie between those of the events; no event starts like them.
        while line := await reader.readline():
            if line.startswith(b"data: [DONE]"):
                return
            if line.startswith(b"data: "):
                yield time.monotonic(), line[6:]
        raise CompletionError("the engine hung up before the end")
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        raise CompletionError(f"the connection broke: {error!r}") from error
    finally:
        writer.close()
