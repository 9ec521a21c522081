"""fleet.yaml is checked when it is read."""

import pytest

from autoscaler.config.fleet_config import read_config
from autoscaler.core.fleet import Pool
from autoscaler.core.options import InteractiveRule
from autoscaler.errors import InvalidConfigError

WHOLE = """
capacity: {slots: 64, step_s: 0.02, sequence_s: 0.001, start_up_s: 90}
slo: {ttft_s: 5, itl_s: 0.1}
pools:
  interactive: {min: 1, max: 8}
  batch: {max: 20}
rules: {interactive: backpressure, headroom: 0.5}
observe: {scrape_every_s: 10}
"""


@pytest.fixture
def written(tmp_path):
    def write(text: str):
        path = tmp_path / "fleet.yaml"
        path.write_text(text)
        return path

    return write


def test_a_file_becomes_the_options_of_a_decision(written):
    options = read_config(written(WHOLE)).options()
    assert options.capacity.start_up_s == 90
    assert options.limits_of(Pool.INTERACTIVE).least == 1
    assert options.limits_of(Pool.MIXED).most == 0
    assert options.interactive_rule is InteractiveRule.BACKPRESSURE
    assert options.stale_after_s == 30


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("ttft_s: 5", "tftt_s: 5", r"slo\.tftt_s is no key of this file"),
        ("slots: 64", "slots: 0", r"capacity\.slots is 0: .*greater than or equal to 1"),
        ("headroom: 0.5", "headroom: -1", r"rules\.headroom is -1: .*greater than or equal to 0"),
        ("max: 8", "max: 0", r"pools\.interactive is .*max is 0 and min 1"),
        ("itl_s: 0.1", "itl_s: 0.01", r"a request alone has 0\.021 s .* cannot be met"),
        ("batch:", "bulk:", r"pools\.bulk is 'bulk': .*interactive"),
        ("step_s: 0.02, ", "", r"capacity\.step_s is missing"),
        ("headroom: 0.5", "lending: some", r"rules\.lending is 'some': .*headroom"),
        ("itl_s: 0.1}", "itl_s: 0.1}\ndemand: {most_requests: 0}", r"most_requests is 0: .*1"),
        ("itl_s: 0.1}", "itl_s: 0.1}\ndemand: {listen: here}", r"demand\.listen is 'here'"),
        (
            "itl_s: 0.1}",
            "itl_s: 0.1}\nkubernetes: {namespace: '', pods: {batch: a=b}}",
            r"kubernetes\.namespace is ''",
        ),
        (
            "itl_s: 0.1}",
            "itl_s: 0.1}\nkubernetes: {namespace: llm, pods: {bulk: a=b}}",
            r"kubernetes\.pods\.bulk is 'bulk'",
        ),
        ("backpressure", "magic", r"rules\.interactive is 'magic': .*occupancy"),
        ("{max: 20}", "{max: .inf}", r"pools\.batch\.max is inf"),
        ("capacity:", "- capacity:", r"cannot be read as YAML"),
    ],
)
def test_what_cannot_be_is_refused_with_its_key_its_value_and_the_range(written, old, new, message):
    with pytest.raises(InvalidConfigError, match=message):
        read_config(written(WHOLE.replace(old, new)))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InvalidConfigError, match=r"none\.yaml cannot be read"):
        read_config(tmp_path / "none.yaml")
