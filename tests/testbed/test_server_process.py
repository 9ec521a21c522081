import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from testbed.errors import TestbedError
from testbed.server_process import running_server

# A server with a child, as vLLM has; neither ends when it is asked to.
STUBBORN = """
import signal, subprocess, sys, time
from pathlib import Path
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
process = subprocess.Popen([sys.executable, "-c", child])
Path(sys.argv[1] + ".new").write_text(str(process.pid))
Path(sys.argv[1] + ".new").rename(sys.argv[1])
time.sleep(60)
"""
STARTER = """
import sys, time
from pathlib import Path
from testbed.server_process import running_server
ready = Path(sys.argv[2])
with running_server(
    [sys.executable, "-c", sys.argv[1], str(ready)], ready.exists, Path(sys.argv[3]),
    environment={}, timeout_s=30,
):
    time.sleep(60)
"""


def is_gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


def await_true(condition, timeout_s=30.0) -> bool:
    deadline_s = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < deadline_s:
        time.sleep(0.05)
    return condition()


def test_a_server_that_ignores_the_request_to_end_is_killed_with_its_children(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("testbed.server_process.STOP_TIMEOUT_S", 0.2)
    ready = tmp_path / "child"
    command = [sys.executable, "-c", STUBBORN, str(ready)]
    with running_server(
        command, ready.exists, tmp_path / "log", environment={}, timeout_s=30
    ) as process:
        child = int(ready.read_text())
        assert not is_gone(child)
    assert process.returncode == -signal.SIGKILL
    assert await_true(lambda: is_gone(child))


def test_a_server_ends_with_its_children_when_its_starter_is_killed(tmp_path):
    ready = tmp_path / "child"
    polite = STUBBORN.replace("signal.signal(signal.SIGTERM, signal.SIG_IGN)", "pass")
    command = [sys.executable, "-c", STARTER, polite, str(ready), str(tmp_path / "log")]
    starter = subprocess.Popen(command)
    try:
        assert await_true(ready.exists)
        child = int(ready.read_text())
    finally:
        os.kill(starter.pid, signal.SIGKILL)
        starter.wait()
    assert await_true(lambda: is_gone(child))


def test_a_server_that_ends_before_it_is_ready_gives_the_end_of_its_log(tmp_path):
    command = [sys.executable, "-c", "print('no such model'); raise SystemExit(3)"]
    with (
        pytest.raises(TestbedError, match=r"(?s)ended with 3.*no such model"),
        running_server(command, lambda: False, tmp_path / "log", environment={}, timeout_s=30),
    ):
        pass


def test_a_server_that_is_not_ready_in_time_is_ended(tmp_path):
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    with (
        pytest.raises(TestbedError, match=r"not ready within 0\.3 s"),
        running_server(command, lambda: False, tmp_path / "log", environment={}, timeout_s=0.3),
    ):
        pass
