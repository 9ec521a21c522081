"""The single questions: their workloads, and that each names policies that there are."""

import numpy as np
import pytest

from benchmarks.autoscaler import deadlines, predictor_faults, quota, ramp
from benchmarks.autoscaler.cases import CASES
from benchmarks.autoscaler.scenarios import setting
from serving_sim.fleet.contenders import contender
from serving_sim.workload.length_table import LengthTable
from serving_sim.workload.predictor import Predictor


def test_the_ramp_is_the_published_one():
    drawn = ramp.RampArrivals().draw(ramp.REQUESTS, 1.0, 0)
    assert len(drawn) == ramp.REQUESTS == 12_480
    ends_s = np.cumsum([seconds for _, seconds in ramp.STAGES])
    counts = np.diff([0, *np.searchsorted(drawn.arrival_s, ends_s)])
    assert counts.tolist() == [rate * seconds for rate, seconds in ramp.STAGES]
    assert drawn.input_tokens.mean() == pytest.approx(4_000, rel=0.01)
    assert drawn.output_tokens.mean() == pytest.approx(1_000, rel=0.01)
    assert (drawn.output_tokens.min(), drawn.output_tokens.max()) == (900, 1_100)


def test_a_part_of_the_ramp_goes_through_all_its_rates():
    drawn = ramp.RampArrivals().draw(ramp.REQUESTS // 10, 1.0, 0)
    assert len(drawn) == ramp.REQUESTS // 10
    assert np.unique(np.round(1 / np.diff(drawn.arrival_s))).tolist() == [1, 2, 4, 6, 8, 10]


def test_an_instance_of_the_ramp_gives_what_llm_d_saw_its_own_give():
    # As many requests a second as fill its slots: each holds one for its tokens' time.
    request_s = ramp.OUTPUT[0] * ramp.ASSUMED.itl_s(ramp.ENGINE.slots)
    assert ramp.ENGINE.slots / request_s == pytest.approx(1.49, abs=0.01)
    assert ramp.ASSUMED.itl_s(ramp.ENGINE.slots) < ramp.SLO.itl_s


@pytest.mark.parametrize("sweeps", [ramp.SWEEPS, deadlines.SWEEPS, quota.LENT])
def test_every_setting_that_is_swept_is_a_policy(sweeps):
    for settings in sweeps.values():
        assert all(contender(name, setting()).policy for name in settings)


def test_predictions_of_another_domain_are_its_own_in_the_order_given():
    table = LengthTable(np.random.default_rng(0).geometric(1 / 40, 3_000), np.ones(3_000, int))
    told = Predictor.from_text("noise:0.6").predict(table)
    order = np.random.default_rng(1).permutation(1_000).astype(float)
    found = predictor_faults.foreign(order, told)
    assert (np.diff(found.tokens[np.argsort(order)]) >= 0).all()
    assert found.tokens.mean() == pytest.approx(told.tokens.mean(), rel=0.05)
    assert found.distributions is not None
    assert found.distributions[int(np.argmax(order))].mean() > 40


def test_every_question_has_its_requests():
    assert all(case.count > 0 for case in CASES.values())
