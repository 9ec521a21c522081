"""The options of the scheduler class, from the environment."""

import pytest

from lengthwise.scheduling import PreemptionRule
from scheduler_client.vllm_plugin.preempting import OPTIONS, rule_from_environment


@pytest.mark.parametrize("env", [{}, {OPTIONS: " "}])
def test_without_options_the_rule_is_as_it_is(env):
    assert rule_from_environment(env) == PreemptionRule()


def test_options_are_read():
    rule = rule_from_environment({OPTIONS: "much_longer=4,max_preemptions=1"})
    assert rule == PreemptionRule(much_longer=4.0, max_preemptions=1)
    assert isinstance(rule.max_preemptions, int)


@pytest.mark.parametrize("text", ["much_longer", "much_longer=few", "speed=3", "much_longer=0.5"])
def test_a_bad_option_names_the_variable(text):
    with pytest.raises(ValueError, match=OPTIONS):
        rule_from_environment({OPTIONS: text})
