"""A state that somebody writes, and the metrics behind it."""

import json
import os

from autoscaler.core.fleet import FleetState, Pool, PoolInstances
from autoscaler.edges.sources import FirstFresh
from autoscaler.edges.state_file import StateFile

STATE = {"pools": {"batch": {"ready": 2}}, "batch": [{"due_in_s": 60, "requests": 5}]}


def written(path, state, at_s: float) -> StateFile:
    path.write_text(state if isinstance(state, str) else json.dumps(state))
    os.utime(path, (at_s, at_s))
    return StateFile(path)


def metrics(now_s, past_needs):
    return FleetState(now_s, {Pool.BATCH: PoolInstances(7)}, past_needs=past_needs)


def test_a_written_state_is_as_old_as_its_file(tmp_path):
    state = written(tmp_path / "s.json", STATE | {"age_s": 5}, 1_000.0).observe(1_020.0)
    assert state is not None
    assert state.observed_s == 995.0
    assert state.batch[0].deadline_s == 1_060.0


def test_a_file_from_the_future_is_as_old_as_the_present(tmp_path):
    state = written(tmp_path / "s.json", STATE, 2_000.0).observe(1_000.0)
    assert state is not None
    assert state.observed_s == 1_000.0


def test_what_is_wrong_with_a_file_is_told_once_and_again_when_it_changes(tmp_path):
    faults: list[str] = []
    source = StateFile(tmp_path / "s.json", faults.append)
    assert source.observe(0.0) is None
    assert source.observe(1.0) is None
    (tmp_path / "s.json").write_text("{}")
    assert source.observe(2.0) is None
    (tmp_path / "s.json").write_text(json.dumps(STATE))
    assert source.observe(3.0) is not None
    assert ["No such file" in faults[0], "pools is" in faults[1], *faults[2:]] == [True, True, ""]


def test_metrics_take_over_when_what_was_written_is_old_and_give_way_when_it_is_fresh(tmp_path):
    source = written(tmp_path / "s.json", STATE, 1_000.0)
    first = FirstFresh([source.observe, metrics], 45.0)
    ready = [first.observe(now_s).instances(Pool.BATCH).ready for now_s in (1_040.0, 1_050.0)]
    assert ready == [2, 7]
    written(tmp_path / "s.json", STATE, 1_060.0)
    assert first.observe(1_065.0).instances(Pool.BATCH).ready == 2


def test_while_all_are_old_the_least_old_stands(tmp_path):
    source = written(tmp_path / "s.json", STATE, 1_000.0)
    older = FleetState(900.0, {})
    found = FirstFresh([lambda *_: older, source.observe], 10.0).observe(1_100.0)
    assert found is not None
    assert found.observed_s == 1_000.0
    assert FirstFresh([lambda *_: None], 10.0).observe(0.0) is None
