"""A server that hangs: it neither answers nor closes its connections, as behind a dropped route."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit


@contextmanager
def paused(url: str) -> Iterator[None]:
    """Have a server stand still, and go on afterwards.

    Args:
        url: Of one of `private_postgres`, on Linux, or of a place in it.
    """
    folder = Path(parse_qs(urlsplit(url).query)["host"][0])
    first = int((folder / "data" / "postmaster.pid").read_text().split()[0])
    os.kill(first, signal.SIGSTOP)  # it starts the others: none comes from now on
    others = [int(pid) for pid in Path(f"/proc/{first}/task/{first}/children").read_text().split()]
    try:
        for pid in others:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in (*others, first):
            os.kill(pid, signal.SIGCONT)
