"""The engine's speed, fitted to its finished requests."""

import random

import pytest

from lengthwise.scheduling.service_time import ServiceTimeModel
from scheduler_client.advisor.running_line import RunningLine
from scheduler_client.advisor.service_time_fit import START, ServiceTimeFit
from tests.scheduler_client.advisor.helpers import finished

FAST = ServiceTimeModel(2e-5, 7e-4, 1e-6)
SLOW = ServiceTimeModel(1e-3, 0.15, 5e-5)


def feed(fit, truth, count, *, seed=1, spread=0.0, outliers=0.0):
    """Requests of an engine of such speed: lognormal lengths, noise, and now and then a stall."""
    draw = random.Random(seed)
    for _ in range(count):
        inputs = 1 + int(draw.lognormvariate(5, 1))
        outputs = 2 + int(draw.lognormvariate(5, 1))
        factor = draw.lognormvariate(0, spread) * (20 if draw.random() < outliers else 1)
        prefill_s = inputs * truth.prefill_s_per_input_token * factor
        total_s = truth.service_time_s(outputs, inputs) * factor
        fit.add(
            finished(
                output_tokens=outputs,
                input_tokens=inputs,
                prefill_s=prefill_s,
                decode_s=total_s - prefill_s,
            )
        )


def assert_near(model, truth, share):
    """Alike where it matters: in the times of short and long requests."""
    for outputs, inputs in ((20, 20), (300, 100), (100, 2_000)):
        assert model.service_time_s(outputs, inputs) == pytest.approx(
            truth.service_time_s(outputs, inputs), rel=share
        )


def test_before_any_request_it_is_the_start():
    assert ServiceTimeFit().model == START


@pytest.mark.parametrize("truth", [FAST, SLOW, ServiceTimeModel(0.0, 0.02, 0.0)])
def test_it_finds_the_constants_of_an_engine(truth):
    fit = ServiceTimeFit()
    feed(fit, truth, 1_000)
    assert_near(fit.model, truth, 0.05)


def test_what_each_prefill_takes_however_short_is_not_put_down_to_its_tokens():
    fit, draw = ServiceTimeFit(), random.Random(3)
    for _ in range(200):
        inputs = 1 + int(draw.lognormvariate(4, 1))
        fit.add(finished(input_tokens=inputs, prefill_s=0.02 + 2e-5 * inputs, decode_s=1.0))
    assert fit.model.prefill_s_per_input_token == pytest.approx(2e-5, rel=0.2)


@pytest.mark.parametrize("seed", range(5))
def test_noise_over_short_prompts_is_not_taken_for_attention(seed):
    """Else a prompt of 300 tokens counts as an answer that is longer by a hundred."""
    fit, draw = ServiceTimeFit(), random.Random(seed)
    for count in range(1, 101):
        inputs, outputs = 8 + int(draw.lognormvariate(2.5, 0.7)), 2 + int(draw.expovariate(1 / 120))
        step_s = 0.02 * draw.lognormvariate(0, 0.3)
        fit.add(
            finished(
                output_tokens=outputs,
                input_tokens=inputs,
                prefill_s=0.03,
                decode_s=outputs * step_s,
            )
        )
        if count >= 8:
            model = fit.model
            more_s = model.service_time_s(100, 300) - model.service_time_s(100, 0)
            assert more_s < 40 * model.decode_s_per_output_token


def test_noise_and_stalls_move_it_little():
    """One request in twenty takes twenty times as long: the plain mean would be twice the truth."""
    fit = ServiceTimeFit()
    feed(fit, SLOW, 1_500, spread=0.2, outliers=0.05)
    assert_near(fit.model, SLOW, 0.2)


def test_fifty_requests_already_bring_it_near():
    fit = ServiceTimeFit()
    feed(fit, FAST, 50)
    assert fit.model.service_time_s(200, 100) < 3 * FAST.service_time_s(200, 100)


def test_it_follows_an_engine_that_becomes_slower():
    fit = ServiceTimeFit()
    feed(fit, FAST, 1_000)
    feed(fit, ServiceTimeModel(6e-5, 2.1e-3, 3e-6), 3_000, seed=2)
    assert_near(fit.model, ServiceTimeModel(6e-5, 2.1e-3, 3e-6), 0.25)


def test_requests_all_of_one_size_leave_no_rate_negative_or_wild():
    fit = ServiceTimeFit()
    for _ in range(500):
        fit.add(finished(output_tokens=100, input_tokens=50, prefill_s=0.05, decode_s=1.0))
    assert fit.model.service_time_s(100, 50) == pytest.approx(1.05, rel=0.05)
    assert 0.5 < fit.model.service_time_s(200, 50) / fit.model.service_time_s(100, 50) <= 2


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -1.0])
def test_times_that_can_be_none_are_left_out(bad):
    fit = ServiceTimeFit()
    feed(fit, FAST, 200)
    before = fit.model
    fit.add(finished(prefill_s=bad, decode_s=bad))
    assert fit.model == before


def test_prefixes_that_were_cached_hardly_count():
    """Their prefill takes what a step takes at least: one request in ten."""
    fit, draw = ServiceTimeFit(), random.Random(4)
    for number in range(500):
        inputs = 1 + int(draw.lognormvariate(5, 1))
        seen = 0 if number % 10 == 0 else inputs
        prefill_s = (0.02 + 1e-4 * seen) * draw.lognormvariate(0, 0.1)
        fit.add(finished(input_tokens=inputs, prefill_s=prefill_s))
    assert fit.model.prefill_s_per_input_token == pytest.approx(1e-4, rel=0.1)


def test_a_request_that_was_preempted_says_nothing_of_the_speed():
    fit = ServiceTimeFit()
    fit.add(finished(output_tokens=100, decode_s=60.0, preemptions=1))
    assert fit.model == START


def test_rates_stay_non_negative_where_the_best_fit_is_below_zero():
    line = RunningLine(1.0, 1.0, slope_weight=0.01)
    for x in (1.0, 2.0, 3.0) * 50:
        line.add(x, max(0.0, 2 * x - 1))
    assert min(line.level, line.slope) >= 0
    assert line.slope > 1
