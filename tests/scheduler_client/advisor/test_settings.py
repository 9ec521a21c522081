"""Settings from the environment."""

import re

import pytest

from lengthwise.scheduling import PreemptionRule, QueuedJob
from scheduler_client.advisor.settings import AdvisorSettings

TARGET = {"LENGTHWISE_TARGET": "predictor:50051"}


@pytest.mark.parametrize("env", [{}, {"LENGTHWISE_TARGET": " "}, {"LENGTHWISE_RULE": "aged"}])
def test_without_a_target_all_is_off(env):
    assert AdvisorSettings.from_environment(env) is None


def test_a_target_alone_gives_the_defaults():
    assert AdvisorSettings.from_environment(TARGET) == AdvisorSettings("predictor:50051")


def test_every_kind_of_setting_is_read():
    found = AdvisorSettings.from_environment(
        TARGET
        | {
            "LENGTHWISE_DEADLINE_S": "0.2",
            "LENGTHWISE_RULE": "aged",
            "LENGTHWISE_RULE_OPTIONS": "weight=4.5",
            "LENGTHWISE_METRICS_PORT": "7",
            "LENGTHWISE_REPORT": "off",
            "LENGTHWISE_MODEL": "vicuna",
            "LENGTHWISE_CLOSE_TIMEOUT_S": "",
        }
    )
    assert found == AdvisorSettings(
        "predictor:50051",
        deadline_s=0.2,
        rule="aged",
        rule_options="weight=4.5",
        metrics_port=7,
        report=False,
        model="vicuna",
    )


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("DEADLINE_S", "soon", "expected a number"),
        ("DEADLINE_S", "50", "expected 0.001 to 10"),
        ("DEADLINE_S", "nan", "expected 0.001 to 10"),
        ("METRICS_PORT", "1.5", "expected a whole number"),
        ("METRICS_PORT", "70000", "expected 0 to 65,535"),
        ("REPORT", "perhaps", "expected true or false"),
        ("RULE", "fairest", "expected one of off, "),
        ("RULE_OPTIONS", "weight", "expected name=number"),
        ("RULE_OPTIONS", "weight=4,", "expected name=number"),
        ("RULE_OPTIONS", "long_rank=high", "long_rank is 'high': expected a number"),
        ("RULE_OPTIONS", "speed=3", "no option 'speed'"),
        ("PREEMPTION_OPTIONS", "much_longer", "expected name=number"),
        ("PREEMPTION_OPTIONS", "speed=3", "speed"),
        ("PREEMPTION_OPTIONS", "much_longer=0.5", "at least 1"),
        ("PREEMPTION_OPTIONS", "max_at_once=2.5", "max_at_once is 2.5: expected a whole number"),
        ("PREEMPTION_OPTIONS", "max_preemptions=inf", "expected a whole number"),
        ("TARGET", "predictor", "expected host:port"),
    ],
)
def test_a_bad_value_is_refused_with_its_variable_and_what_was_expected(name, value, expected):
    with pytest.raises(ValueError, match=re.escape(expected)) as info:
        AdvisorSettings.from_environment(TARGET | {f"LENGTHWISE_{name}": value})
    assert f"LENGTHWISE_{name}" in str(info.value)
    assert value in str(info.value)


def test_options_of_the_rule_are_read():
    chosen = AdvisorSettings("predictor:50051", rule="aged", rule_options="weight=2")
    job = QueuedJob(0.0, 0.0, 1.0, 3.0)
    assert chosen.make_rule().key(job) == 6_000_000


def test_options_of_preemption_are_read():
    chosen = AdvisorSettings.from_environment(
        TARGET | {"LENGTHWISE_PREEMPTION_OPTIONS": "much_longer=4,max_preemptions=1"}
    )
    assert chosen is not None
    rule = chosen.make_preemption_rule()
    assert rule == PreemptionRule(much_longer=4.0, max_preemptions=1)
    assert isinstance(rule.max_preemptions, int)
    assert not chosen.preemption


def test_in_shadow_the_rule_is_the_order_of_arrival_and_a_bad_one_is_refused_all_the_same():
    chosen = AdvisorSettings.from_environment(TARGET | {"LENGTHWISE_SHADOW": "1"})
    assert chosen is not None
    assert (chosen.shadow, chosen.make_rule().name) == (True, "off")


def test_a_host_that_cannot_be_found_now_does_not_stop_the_start_up():
    AdvisorSettings("nowhere.invalid:1,neither.invalid:2")
