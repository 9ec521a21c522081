"""Advice: what would be decided, and why."""

import json

import pytest
from typer.testing import CliRunner

from autoscaler.cli.commands import app
from autoscaler.errors import InvalidStateError
from tests.autoscaler.config.test_config import WHOLE

STATE = {
    "pools": {"interactive": {"ready": 2, "busy_interactive": 2}, "batch": {"ready": 1}},
    "interactive": {"running": 40, "waiting": {"requests": 3, "mean_tokens": 900}},
    "batch": [{"due_in_s": 3600, "requests": 20000, "mean_tokens": 1e7, "variance_tokens2": 1e9}],
}


@pytest.fixture
def advise(tmp_path):
    (tmp_path / "fleet.yaml").write_text(WHOLE)

    def run(state: object, *more: str):
        text = state if isinstance(state, str) else json.dumps(state)
        (tmp_path / "state.json").write_text(text)
        paths = ["--config", str(tmp_path / "fleet.yaml"), "--state", str(tmp_path / "state.json")]
        return CliRunner().invoke(app, ["advise", *paths, *more], catch_exceptions=False)

    return run


def test_advice_tells_each_pool_with_its_reason(advise):
    result = advise(STATE)
    assert result.exit_code == 0
    for text in ("interactive", "batch", "IBP 1.00", "20000 requests by predicted lengths"):
        assert text in " ".join(result.stdout.split())


def test_advice_as_json_is_the_whole_decision(advise):
    decided = json.loads(advise(STATE, "--json").stdout)
    assert decided["pools"]["batch"]["wanted"] == 4
    assert decided["batch_backpressure"] == 1
    assert not decided["held"]


def test_an_old_state_is_held(advise):
    decided = json.loads(advise(STATE | {"age_s": 31}, "--json").stdout)
    assert decided["held"]
    assert decided["pools"]["batch"]["wanted"] == 1


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ("no json", "the state is no JSON"),
        ({}, "pools is"),
        (STATE | {"more": 1}, "more is 1"),
        (STATE | {"interactive": {"running": -1}}, r"interactive\.running is -1"),
        (STATE | {"batch": [{"due_in_s": 1, "knowledge": "guess"}]}, "knowledge is 'guess'"),
        ('{"pools": {"batch": {"ready": NaN}}}', r"pools\.batch\.ready is nan"),
    ],
)
def test_a_state_that_cannot_be_is_refused_by_its_key(advise, state, message):
    with pytest.raises(InvalidStateError, match=message):
        advise(state)
