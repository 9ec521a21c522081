#!/usr/bin/env bash
# A server of asyncio's on a socket of socket.create_server holds small answers back by up to 40 ms.
#
# asyncio's reference says of its servers that TCP_NODELAY is set by default for all TCP connections.
# So it is where asyncio makes the socket itself. On one that socket.create_server made it is not: the
# protocol of such a socket reads 0, which is TCP all the same, and asyncio sets the option only where
# it reads IPPROTO_TCP. Nothing is said; a second small write may wait for an acknowledgement.
#
# Needs Python 3.11, nothing else. Fails if this changes.
set -euo pipefail
python3 - <<'PY'
import asyncio
import platform
import socket


async def is_nodelay_set(**where):
    """Whether TCP_NODELAY is set on a connection that a server at this place accepted."""
    seen = asyncio.get_running_loop().create_future()

    async def serve(_reader, writer):
        accepted = writer.get_extra_info("socket")
        seen.set_result(bool(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)))
        writer.close()

    server = await asyncio.start_server(serve, **where)
    _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    answer = await seen
    writer.close()
    server.close()
    return answer


async def main():
    own = socket.create_server(("127.0.0.1", 0))
    return {
        "host and port": await is_nodelay_set(host="127.0.0.1", port=0),
        "sock=socket.create_server(...)": await is_nodelay_set(sock=own),
    }


found = asyncio.run(main())
print("Python", platform.python_version())
print("TCP_NODELAY, expected True of both:", found)
expected = {"host and port": True, "sock=socket.create_server(...)": False}
raise SystemExit(0 if found == expected else f"this changed: expected {expected}")
PY
