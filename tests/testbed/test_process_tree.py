"""What a command costs with all its processes, and one of them killed on the way."""

import os
import sys

import pytest

from testbed.process_tree import ProcessTreeError, run_tree

BURNS = "import time\nend = time.process_time() + 0.6\nwhile time.process_time() < end: pass"

STARTS_A_DAEMON = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {BURNS!r}], start_new_session=True)
child.wait()
print("done")
"""

RESTARTS_WHAT_IS_KILLED = """
import subprocess, sys
waits = [sys.executable, "-c", "import sys; sys.stdin.readline()", "the-victim"]
child = subprocess.Popen(waits, stdin=subprocess.PIPE)
print("killed", -child.wait())
"""


def run(code, **options):
    return run_tree([sys.executable, "-c", code], environment=os.environ, **options)


def test_the_cpu_time_of_processes_below_counts():
    cost = run(STARTS_A_DAEMON)
    assert cost.output == "done\n"
    assert cost.processes >= 2
    assert cost.cpu_s >= 0.4
    assert cost.peak_mib > 5


def test_a_process_that_is_picked_is_killed_once():
    own = []

    def victim(pid, name):
        if own and own[0] != pid:
            return True
        own[:] = [pid]
        return False

    cost = run(RESTARTS_WHAT_IS_KILLED, victim=victim)
    assert cost.output == "killed 9\n"
    assert cost.killed_pid


def test_a_command_that_fails_is_no_measurement():
    with pytest.raises(ProcessTreeError, match="ended with 3"):
        run("raise SystemExit(3)")


def test_nothing_to_kill_is_told():
    with pytest.raises(ProcessTreeError, match="no process to kill"):
        run("pass", victim=lambda pid, name: False)
