"""As an image runs it: a user without rights, an index that nobody may write, no home."""

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from index_builder.build.builder import build_index
from lengthwise.index.record import HistoryRecord
from scheduler_client import LengthPredictorClient

NOBODY = 65_534
REPOSITORY = Path(__file__).parents[2]


def unprivileged(*command: str) -> list[str]:
    """A command as a user who owns nothing.

    Root gives up all that it may do but to read, since the interpreter may lie in root's own
    folder.
    """
    if os.getuid() != 0:
        return list(command)
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv, which drops root's rights, is not installed")
    kept = "-all,+dac_read_search"
    return [
        "setpriv",
        *(f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"),
        *(f"--inh-caps={kept}", f"--ambient-caps={kept}", f"--bounding-set={kept}"),
        *command,
    ]


class Records(list[HistoryRecord]):
    """Records in memory."""

    fingerprint = "0" * 64


@pytest.fixture
def read_only_index(tmp_path, encoder) -> Iterator[Path]:
    words = ("red", "blue", "old", "new", "cold")
    history = Records(
        HistoryRecord(f"Tell me about the {word} {i}", 20 + i, "made", f"{word}-{i}")
        for i in range(40)
        for word in words
    )
    store = tmp_path / "index"
    build_index(history, store, encoder)
    everything = [store, *store.rglob("*")]
    for path in everything:
        path.chmod(path.stat().st_mode & ~0o222)
    yield store
    for path in everything:
        path.chmod(path.stat().st_mode | stat.S_IWUSR)


def run_at(repository: Path, command: Sequence[str]) -> "subprocess.Popen[str]":
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("LENGTHWISE_")
    }
    environment |= {"HOME": "/nonexistent", "HF_HUB_OFFLINE": "1"}
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=repository,
        env=environment,
    )


def test_it_serves_as_a_user_without_rights_from_an_index_that_nobody_may_write(read_only_index):
    writes = f"open({str(read_only_index / 'new')!r}, 'w')"
    with run_at(REPOSITORY, unprivileged(sys.executable, "-c", writes)) as attempt:
        assert attempt.wait(60) != 0  # or this test would say nothing
    before = sorted(read_only_index.rglob("*"))
    options = ["--index", str(read_only_index), "--port", "0", "--metrics-port", "0"]
    command = unprivileged(sys.executable, "-m", "predictor_service", *options)
    with run_at(REPOSITORY, command) as service:
        try:
            lines: list[str] = []
            while "Lengthwise serves index" not in (line := service.stdout.readline()):
                lines.append(line)
                assert line, "".join(lines)
            target = line.split()[-1]
            with LengthPredictorClient(target) as client:
                assert client.predict("Tell me about the red 7").expected_tokens > 0
        finally:
            service.terminate()
        rest = service.stdout.read()
        assert service.wait(60) == 0, rest
    assert sorted(read_only_index.rglob("*")) == before
