"""The lines of docs/gateways_envoy.md that keep callers from setting priorities."""

import re

from testbed.envoy import ROOT
from tests.gateways.envoy.running import SHIPPED, running_stack
from tests.gateways.envoy.test_real_priorities import WORDS


def for_strangers() -> str:
    """The shipped configuration with what the page says to add."""
    page = (ROOT / "docs" / "gateways_envoy.md").read_text("utf-8")
    (lines,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    before, after = SHIPPED.split("                http_filters:\n")
    return f"{before}{lines}                http_filters:\n{after}"


def test_a_strangers_priority_is_taken_away_and_its_request_placed(tmp_path):
    with running_stack(tmp_path, for_strangers()) as stack:
        placed = stack.place({"prompt": WORDS}, "/v1/completions", headers={"x-vllm-priority": "7"})
        assert placed.stands_for(len(WORDS))
