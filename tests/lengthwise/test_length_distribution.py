"""What a distribution says of the length, and of what remains of it."""

import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scheduler_client import LengthDistribution

LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)


@st.composite
def distributions(draw: st.DrawFn) -> LengthDistribution:
    tokens = sorted(draw(st.lists(st.floats(0, 1e5), min_size=len(LEVELS), max_size=len(LEVELS))))
    return LengthDistribution.from_quantiles(LEVELS, tokens)


def drawn(distribution: LengthDistribution, count: int) -> list[float]:
    source = random.Random(7)
    return [distribution.quantile(source.random()) for _ in range(count)]


@given(distributions(), st.integers(0, len(LEVELS) - 1))
def test_the_quantiles_it_was_made_from_are_given_back(distribution, place):
    level = LEVELS[place]
    tokens = distribution.tokens[distribution.levels.index(level)]
    assert distribution.quantile(level) == pytest.approx(tokens)


@given(distributions(), st.floats(0, 1), st.floats(0, 1))
def test_a_higher_level_is_never_a_shorter_length(distribution, one, other):
    low, high = sorted([one, other])
    assert distribution.quantile(low) <= distribution.quantile(high) * (1 + 1e-9) + 1e-9


def test_the_mean_is_that_of_lengths_drawn_from_it():
    distribution = LengthDistribution.from_quantiles(LEVELS, (10, 20, 40, 80, 160, 300, 420))
    lengths = drawn(distribution, 20_000)
    assert distribution.mean() == pytest.approx(sum(lengths) / len(lengths), rel=0.03)


@pytest.mark.parametrize("generated", [5, 60, 200, 450])
def test_what_remains_is_what_lengths_drawn_from_it_have_left(generated):
    distribution = LengthDistribution.from_quantiles(LEVELS, (10, 20, 40, 80, 160, 300, 420))
    left = [x - generated for x in drawn(distribution, 100_000) if x > generated]
    remaining = distribution.remaining(generated)
    assert remaining.mean() == pytest.approx(sum(left) / len(left), rel=0.05)
    assert remaining.quantile(0.5) == pytest.approx(sorted(left)[len(left) // 2], rel=0.1)


LEAST_FLOAT = 5e-324
"""Half of it is 0, as is any probability of it: a mean over such lengths would vanish."""


@given(distributions(), st.floats(0, 2e5))
@example(LengthDistribution.from_quantiles(LEVELS, [0.0] * 6 + [LEAST_FLOAT]), 0.0)
@example(LengthDistribution.from_quantiles(LEVELS, [0.0] + [LEAST_FLOAT] * 6), 0.0)
@example(
    LengthDistribution.from_quantiles(LEVELS, [i * LEAST_FLOAT for i in range(1, 8)]),
    2 * LEAST_FLOAT,
)
def test_something_always_remains_and_the_rest_is_a_distribution_again(distribution, generated):
    remaining = distribution.remaining(generated)
    assert remaining.mean() > 0
    assert remaining.tokens[0] >= 0


def test_nothing_generated_yet_leaves_the_whole():
    distribution = LengthDistribution.from_quantiles(LEVELS, (10, 20, 40, 80, 160, 300, 420))
    assert distribution.remaining(0).mean() == pytest.approx(distribution.mean())


def test_an_answer_that_outlived_its_distribution_is_expected_to_go_on_in_proportion():
    distribution = LengthDistribution.from_quantiles(LEVELS, (10, 20, 40, 80, 160, 300, 420))
    far, farther = (distribution.remaining(t).mean() for t in (100_000, 200_000))
    assert farther == pytest.approx(2 * far)


def test_a_limit_cuts_the_tail_off():
    cut = LengthDistribution.from_quantiles(LEVELS, (10, 20, 40, 80, 100, 100, 100))
    assert cut.tokens[-1] == 100
    assert cut.remaining(60).tokens[-1] == 40


def test_a_single_quantile_is_a_certain_length():
    certain = LengthDistribution.from_quantiles([0.5], [30])
    assert certain.mean() == 30
    assert certain.remaining(10).mean() == 20


def test_the_tail_goes_on_as_a_power_law():
    heavy = LengthDistribution.from_quantiles((0.5, 0.75), (100, 200))
    # Twice the length at half the survivors: an exponent of 1, held to 1.5.
    assert heavy.quantile(0.99) == pytest.approx(200 * 25 ** (1 / 1.5))


@pytest.mark.parametrize(
    ("levels", "tokens", "message"),
    [
        ((0.5, 0.9), (10,), "2 levels for 1 quantiles"),
        ((), (), "0 levels for 0 quantiles"),
        ((0.0, 0.5), (1, 2), "between 0 and 1"),
        ((0.5, 0.9), (20, 10), "ascending lengths"),
        ((0.9, 0.5), (10, 20), "between 0 and 1|ascend"),
        ((0.5, 0.9), (10, float("nan")), "ascending lengths"),
        ((0.5, 0.5), (10, 20), "rise"),
        ((0.1, 0.5, 0.5), (10, 20, 20), "rise"),
    ],
)
def test_quantiles_that_are_none_are_refused(levels, tokens, message):
    with pytest.raises(ValueError, match=message):
        LengthDistribution.from_quantiles(levels, tokens)


@pytest.mark.parametrize("generated", [-1, float("nan"), float("inf")])
def test_an_impossible_number_of_generated_tokens_is_refused(generated):
    with pytest.raises(ValueError, match="generated_tokens is"):
        LengthDistribution.from_quantiles((0.5, 0.9), (10, 20)).remaining(generated)
