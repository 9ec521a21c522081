"""The byte by which the sidecar tells the engine core that there is something to read."""

import os
import subprocess
import sys

from scheduler_client.vllm_plugin.bell import Bell

RINGER = """
import sys
from scheduler_client.vllm_plugin.bell import Bell
Bell(int(sys.argv[1])).ring()
"""


def test_a_ring_in_another_process_is_heard_once():
    memory = Bell.new()
    bell = Bell(memory)
    assert not bell.rung()
    subprocess.run([sys.executable, "-c", RINGER, str(memory)], pass_fds=[memory], check=True)
    os.close(memory)
    assert [bell.rung(), bell.rung()] == [True, False]
