"""An engine that takes no time: `python -m benchmarks.envoy.backend FILE` writes its port there.

A request's header x-events says how many events its answer has, one each x-pace-ms milliseconds;
none is an answer in one piece. Each event says when it was sent, by the machine's monotonic clock.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

EVENTS, PACE_MS = "x-events", "x-pace-ms"
"""Headers of a request."""

SENT_S = "sent_s"
"""Of an event."""

_WHOLE = json.dumps(
    {
        "choices": [{"index": 0, "text": "hello", "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 7},
    }
).encode()


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            headers = await _read_request(reader)
            events = int(headers.get(EVENTS, "0"))
            if events:
                await _stream(writer, events, float(headers[PACE_MS]) / 1e3)
            else:
                head = f"HTTP/1.1 200 OK\r\ncontent-length: {len(_WHOLE)}\r\n\r\n"
                writer.write(head.encode() + _WHOLE)
                await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):  # the proxy is done with it
        writer.close()


async def _read_request(reader: asyncio.StreamReader) -> dict[str, str]:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")[1:-2]
    headers = dict(line.split(": ", 1) for line in lines)
    if "chunked" in headers.get("transfer-encoding", ""):
        while size := int(await reader.readline(), 16):
            await reader.readexactly(size + 2)
        await reader.readline()
    else:
        await reader.readexactly(int(headers.get("content-length", "0")))
    return headers


async def _stream(writer: asyncio.StreamWriter, events: int, pace_s: float) -> None:
    writer.write(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    for number in range(events):
        await asyncio.sleep(pace_s)
        reason = "stop" if number == events - 1 else None
        event = {
            "choices": [{"index": 0, "delta": {"content": "hello"}, "finish_reason": reason}],
            "usage": {"completion_tokens": events} if reason else None,
            SENT_S: time.monotonic(),
        }
        part = b"data: %s\n\n" % json.dumps(event).encode()
        writer.write(b"%x\r\n%s\r\n" % (len(part), part))
        await writer.drain()
    writer.write(b"0\r\n\r\n")
    await writer.drain()


async def main(port_file: Path) -> None:
    """Serve until killed.

    Args:
        port_file: That the port is written into.
    """
    # Not on a socket of socket.create_server, whose connections asyncio leaves waiting for more to
    # send (Nagle): the first tokens of a stream would be 40 ms late.
    server = await asyncio.start_server(_serve, "127.0.0.1", 0)
    port_file.write_text(  # noqa: ASYNC240  before anybody asks
        str(server.sockets[0].getsockname()[1])
    )
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
