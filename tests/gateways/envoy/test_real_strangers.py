"""The lines of docs/gateways_envoy.md that keep callers from setting priorities."""

import re
import time

import pytest

from testbed.envoy import ROOT
from tests.gateways.envoy.running import SHIPPED, running_stack
from tests.gateways.envoy.test_real_priorities import SLACK_S, WORDS, length_of


def for_strangers() -> str:
    """The shipped configuration with what the page says to add."""
    page = (ROOT / "docs" / "gateways_envoy.md").read_text("utf-8")
    (lines,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    before, after = SHIPPED.split("                http_filters:\n")
    return f"{before}{lines}                http_filters:\n{after}"


def test_a_strangers_priority_is_taken_away_and_its_request_placed(tmp_path):
    with running_stack(tmp_path, for_strangers()) as stack:
        sent_s = time.time()
        stack.ask({"prompt": WORDS}, "/v1/completions", headers={"x-vllm-priority": "7"})
        tokens = length_of(stack.reached().priority, sent_s)
        assert tokens == pytest.approx(len(WORDS), abs=SLACK_S)
