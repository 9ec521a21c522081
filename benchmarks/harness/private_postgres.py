"""A PostgreSQL server of one's own: in a temporary folder, on a Unix socket, gone afterwards."""

import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from urllib.parse import parse_qs, urlsplit

SYSTEM_USER = "postgres"
DEBIAN_VERSIONS = Path("/usr/lib/postgresql")
DROP_ROOT = """
import os, sys
user, group, *command = sys.argv[1:]
os.setgroups([])
os.setgid(int(group))
os.setuid(int(user))
os.execv(command[0], command)
"""
"""Another user's command, started by a process of its own: where a process with threads of gRPC is
to become another user between fork and exec, its copy crashed now and then."""

NONE_FOUND = "no initdb on the PATH or below /usr/lib/postgresql: install PostgreSQL to run this"


def find_binaries() -> Path | None:
    """The folder of initdb and pg_ctl, of the newest version; None without PostgreSQL."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).parent
    versions = [path.parent for path in DEBIAN_VERSIONS.glob("*/bin/initdb")]
    return max(versions, key=lambda path: float(path.parent.name), default=None)


@contextmanager
def private_postgres() -> Generator[str]:
    """Run a server that syncs what it commits, as any would in production.

    Yields:
        The URL of an empty database.

    Raises:
        RuntimeError: No PostgreSQL is installed here.
    """
    binaries = find_binaries()
    if binaries is None:
        raise RuntimeError(NONE_FOUND)
    folder = Path(mkdtemp(prefix="lengthwise-pg-"))
    try:
        with _server(binaries, folder):
            yield f"postgresql://{SYSTEM_USER}@/postgres?host={folder}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def restart(url: str) -> None:
    """Have a server of `private_postgres` stop in the middle of things and start again.

    Args:
        url: As it was given.
    """
    binaries, folder = find_binaries(), Path(parse_qs(urlsplit(url).query)["host"][0])
    assert binaries is not None  # noqa: S101  the server runs
    arguments = ["restart", "--wait", "--mode", "immediate", "--log", str(folder / "log")]
    command = [str(binaries / "pg_ctl"), *arguments, "--pgdata", str(folder / "data")]
    _run(command, _as_user(folder))


@contextmanager
def _server(binaries: Path, folder: Path) -> Generator[None]:
    data = str(folder / "data")
    as_user = _as_user(folder)

    def run(name: str, *arguments: str) -> None:
        _run([str(binaries / name), *arguments], as_user)

    run("initdb", "--pgdata", data, "--auth", "trust", "--username", SYSTEM_USER, "--no-sync")
    options = f"-c listen_addresses='' -c unix_socket_directories='{folder}'"
    log = str(folder / "log")
    run("pg_ctl", "start", "--wait", "--pgdata", data, "--log", log, "--options", options)
    try:
        yield
    finally:
        run("pg_ctl", "stop", "--wait", "--pgdata", data, "--mode", "immediate")


def _as_user(folder: Path) -> list[str]:
    """What stands before a command so that the server agrees to run: it refuses root."""
    if os.geteuid() != 0:
        return []
    user = pwd.getpwnam(SYSTEM_USER)
    os.chown(folder, user.pw_uid, user.pw_gid)
    return [sys.executable, "-c", DROP_ROOT, str(user.pw_uid), str(user.pw_gid)]


def _run(command: Sequence[str], as_user: Sequence[str]) -> None:
    # The server outlives pg_ctl and would hold a pipe of ours open: its output goes to a file.
    done = subprocess.run(
        [*as_user, *command],
        cwd="/",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{Path(command[0]).name} ended with exit code {done.returncode}")
