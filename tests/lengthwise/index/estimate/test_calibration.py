"""Stated probabilities are true: on synthetic rows whose distribution is known."""

import json
from dataclasses import dataclass, replace

import numpy as np
import pytest

from lengthwise.index.estimate.calibration import GRID, MIN_ROWS, STRATA, Calibration
from lengthwise.index.estimate.familiarity import Familiarity
from lengthwise.index.estimate.fitting import fit_estimator
from lengthwise.index.estimate.length_scale import to_log, to_tokens
from lengthwise.index.estimate.weighted_cdf import WeightedCdf
from lengthwise.index.record import HistoryRecord
from lengthwise.index.search.hits import Hits
from lengthwise.index.search.rows import HistoryRows
from lengthwise.index.search.searcher import Searcher
from lengthwise.index.search.vectors import VectorIndex
from tests.lengthwise.index.fakes import unit

ROWS = 3_000


@dataclass
class Rows:
    """Predicted distributions and what came of them."""

    cdf: WeightedCdf
    truth: np.ndarray
    nearness: np.ndarray

    def calibration(self, censored=None, familiarity=None, groups=None):
        return Calibration.fit(
            self.cdf,
            self.truth,
            np.zeros(len(self.truth), bool) if censored is None else censored,
            nearness=self.nearness,
            groups=np.full(len(self.truth), -1) if groups is None else groups,
            familiarity=familiarity or Familiarity.fit(hits_near(self.nearness)),
        )

    def grid(self, calibration):
        return calibration.quantile_grid(self.cdf, self.nearness)

    def tokens(self):
        return to_tokens(self.truth)


def hits_near(nearness):
    """Hits of which all eight are equally near."""
    rows = np.tile(np.arange(8), (len(nearness), 1))
    return Hits(np.tile(nearness[:, None], (1, 8)).astype(np.float32), rows)


def synthetic(seed, *, rows=ROWS):
    """Noise is a quarter near the history and one far from it; what is predicted says half.

    It also predicts too short by a fifth: heteroscedastic, misspecified and biased. A little of
    it is a prior, as the estimator has it, since no level reaches beyond what a prediction holds.
    """
    rng = np.random.default_rng(seed)
    nearness = rng.uniform(0.3, 0.9, rows)
    centre = rng.normal(5, 0.7, rows)
    truth = centre + rng.normal(size=rows) * np.interp(nearness, [0.3, 0.9], [1, 0.25])
    neighbours = centre[:, None] - 0.2 + 0.5 * rng.normal(size=(rows, 64))
    prior = np.tile(np.linspace(0, 11, 65), (rows, 1))
    predicted = np.concatenate([neighbours, prior], axis=1)
    weights = np.concatenate([np.ones(neighbours.shape), np.full(prior.shape, 1e-3)], axis=1)
    cdf = WeightedCdf.from_observations(predicted, weights, np.zeros(predicted.shape, bool))
    return Rows(cdf, truth, nearness)


@pytest.fixture(scope="module")
def seen():
    return synthetic(0)


@pytest.fixture(scope="module")
def fresh():
    return synthetic(1)


@pytest.fixture(scope="module")
def calibration(seen):
    return seen.calibration()


def coverage(grid, tokens, percent):
    low, high = grid[:, 49 - percent // 2], grid[:, 49 + percent // 2]
    return ((tokens >= low) & (tokens <= high)).mean()


def sampling_error(share, rows):
    """Three standard deviations, for the fresh rows and for those calibrated on."""
    return 3 * np.sqrt(share * (1 - share) * 2 / rows)


@pytest.mark.parametrize("percent", [50, 90])
def test_on_fresh_rows_intervals_cover_what_they_state(calibration, fresh, percent):
    share = percent / 100
    covered = coverage(fresh.grid(calibration), fresh.tokens(), percent)
    raw_grid = to_tokens(fresh.cdf.quantiles(np.tile(GRID, (ROWS, 1))))
    raw = coverage(raw_grid, fresh.tokens(), percent)
    assert covered == pytest.approx(share, abs=sampling_error(share, ROWS))
    assert raw != pytest.approx(share, abs=sampling_error(share, ROWS)), "there was nothing to mend"


@pytest.mark.parametrize("percent", [50, 90])
@pytest.mark.parametrize("stratum", range(STRATA))
def test_intervals_cover_what_they_state_near_and_far(calibration, fresh, percent, stratum):
    share = percent / 100
    chosen = np.searchsorted(calibration.edges, fresh.nearness) == stratum
    covered = coverage(fresh.grid(calibration)[chosen], fresh.tokens()[chosen], percent)
    assert covered == pytest.approx(share, abs=sampling_error(share, chosen.sum()))


def test_each_quantile_is_exceeded_as_often_as_it_states(calibration, fresh):
    under = (fresh.tokens()[:, None] <= fresh.grid(calibration)).mean(axis=0)
    assert np.abs(under - GRID).max() < sampling_error(0.5, ROWS)


def test_calibrated_quantiles_ascend(calibration, fresh):
    assert (np.diff(fresh.grid(calibration), axis=1) >= 0).all()


def test_confidence_is_the_share_within_a_factor_of_two(calibration, fresh):
    grid = fresh.grid(calibration)
    confidence = calibration.confidence(grid, fresh.nearness)
    hit = (fresh.tokens() >= grid[:, 49] / 2) & (fresh.tokens() <= grid[:, 49] * 2)
    fifths = np.array_split(np.argsort(confidence), 5)
    for fifth in fifths:
        share = hit[fifth].mean()
        assert confidence[fifth].mean() == pytest.approx(share, abs=sampling_error(0.5, ROWS / 5))
    assert confidence[fifths[4]].mean() > confidence[fifths[0]].mean() + 0.2, "it tells them apart"


def test_confidence_falls_to_nothing_on_foreign_prompts(calibration, fresh):
    grid = fresh.grid(calibration)
    familiar = calibration.confidence(grid, fresh.nearness)
    foreign = calibration.confidence(grid, np.full(ROWS, -0.2))
    assert foreign.max() < 0.05 < familiar.mean()


def test_with_few_rows_nothing_is_corrected_but_foreign_is_foreign(seen):
    familiarity = Familiarity(0.4, 0.3)
    few = synthetic(3, rows=MIN_ROWS - 1).calibration(familiarity=familiarity)
    assert few.rows == 0
    assert few.levels[0] == tuple(GRID)
    assert few.familiarity == familiarity


def at_levels(raw):
    """Rows whose truths lie at some raw levels.

    Their lengths are so long that half a token, by which truths are moved, is next to nothing.
    """
    levels = np.tile(np.linspace(0, 1, 2001), (len(raw), 1))
    return Rows(WeightedCdf(12 + levels, levels), 12 + raw, np.full(len(raw), 0.5))


def test_rows_that_found_the_distribution_right_leave_it():
    raw = np.arange(1, 100) / 100
    assert at_levels(raw).calibration().levels[0] == pytest.approx(GRID, abs=5e-3)


def test_many_rows_put_the_order_statistics_of_their_truths_in_their_place():
    raw = np.sqrt(np.arange(1, 20_000) / 20_000)
    levels = np.array(at_levels(raw).calibration().levels[0])
    assert levels == pytest.approx(np.sqrt(GRID), abs=0.01)


def test_few_rows_move_the_levels_little():
    raw = np.sqrt(np.arange(1, 51) / 51)
    moved = np.array(at_levels(raw).calibration().levels[0]) - GRID
    said = np.sqrt(0.5) - 0.5
    assert 0.25 * said < moved[49] < 0.75 * said


def test_turns_of_one_conversation_move_the_levels_less_than_as_many_conversations():
    raw = np.sqrt(np.arange(1, 391) / 391)
    alone = at_levels(raw).calibration().levels[0]
    together = at_levels(raw).calibration(groups=np.arange(390) // 10).levels[0]
    assert 0.55 < together[49] < alone[49] - 0.05


def whole_short_lengths(seed):
    """Answers of a few tokens, each prompt's own, and a distribution too wide for them."""
    rng = np.random.default_rng(seed)
    centre = rng.integers(2, 12, ROWS)
    truth = rng.poisson(centre)
    predicted = rng.poisson(centre[:, None] * rng.gamma(4, 1 / 4, (ROWS, 400)))
    values = to_log(predicted)
    cdf = WeightedCdf.from_observations(values, np.ones(values.shape), np.zeros(values.shape, bool))
    return Rows(cdf, to_log(truth), rng.uniform(0.3, 0.9, ROWS))


@pytest.mark.parametrize("percent", [50, 90])
def test_intervals_of_few_whole_tokens_cover_no_more_than_they_state(percent):
    calibration = whole_short_lengths(0).calibration()
    fresh = whole_short_lengths(1)
    inside = coverage(np.rint(fresh.grid(calibration)), np.rint(fresh.tokens()), percent)
    assert inside == pytest.approx(percent / 100, abs=0.04)


def test_cut_off_rows_do_not_pull_the_quantiles_down(seen, fresh):
    limit = np.log1p(200)
    censored = seen.truth > limit
    cut = replace(seen, truth=np.minimum(seen.truth, limit))
    assert 0.2 < censored.mean() < 0.5
    calibration = cut.calibration(censored)
    under = (fresh.tokens()[:, None] <= fresh.grid(calibration)).mean(axis=0)
    assert np.abs(under - GRID)[:60].max() < sampling_error(0.5, ROWS)
    ignored = replace(
        cut,
        cdf=WeightedCdf(cut.cdf.values[~censored], cut.cdf.levels[~censored]),
        truth=cut.truth[~censored],
        nearness=cut.nearness[~censored],
    ).calibration()
    wrong = (fresh.tokens()[:, None] <= fresh.grid(ignored)).mean(axis=0)
    assert np.abs(wrong - GRID)[:60].max() > 0.1, "leaving them out would have"


def test_beyond_every_cut_the_distribution_is_believed():
    spread = np.tile(np.linspace(0, 1, 2001), (200, 1))
    truth = 12 + np.minimum(np.arange(1, 201) / 201, 0.6)
    rows = Rows(WeightedCdf(12 + spread, spread), truth, np.full(200, 0.5))
    levels = np.array(rows.calibration(censored=truth >= 12.6).levels[0])
    assert np.abs(levels - GRID).max() < 0.02


def test_it_survives_being_written_as_json(calibration):
    assert Calibration.from_dict(json.loads(json.dumps(calibration.to_dict()))) == calibration


def test_nineteen_in_twenty_rows_of_a_history_are_familiar():
    nearness = np.random.default_rng(0).normal(0.6, 0.1, 4_000)
    familiarity = Familiarity.fit(hits_near(nearness)).of(nearness)
    assert (familiarity == 1).mean() == pytest.approx(0.95, abs=0.01)
    assert (familiarity == 0).mean() == pytest.approx(1 / 140, abs=0.005)


def test_repeats_do_not_raise_what_counts_as_familiar():
    nearness = np.random.default_rng(0).normal(0.6, 0.1, 200)
    plain = hits_near(nearness)
    repeated = Hits(
        np.insert(plain.similarities, 0, 1, axis=1), np.insert(plain.rows, 0, 8, axis=1)
    )
    assert Familiarity.fit(repeated) == Familiarity.fit(plain)


def test_a_history_of_one_prompt_finds_anything_else_foreign():
    familiarity = Familiarity.fit(hits_near(np.ones(1_000)))
    assert familiarity.of(np.array([1.0, 0.9])).tolist() == [1, 0]


def test_from_too_few_rows_familiarity_learns_nothing():
    assert Familiarity.fit(hits_near(np.array([0.9, 0.8]))) == Familiarity()
    assert Familiarity().of(np.array([-1.0, 1.0])).tolist() == [1, 1]


class World:
    """Points whose first coordinate says how long the answer is, with known noise."""

    def __init__(self, rows, *, limit=None, groups=1, seed=0):
        rng = np.random.default_rng(seed)
        points = rng.normal(size=(rows // groups, 12))
        self.matrix = unit(np.repeat(points, groups, axis=0))
        # Rows of a group share much of their noise: who sees its group, sees too much.
        shared = np.repeat(rng.normal(size=rows // groups), groups)
        noise = 0.48 * shared + 0.14 * rng.normal(size=rows) if groups > 1 else 0.5 * shared
        self.lengths = np.exp(5 + self.matrix[:, 0] + noise).astype(int)
        self.records = [
            HistoryRecord(
                f"p{i}",
                int(min(length, limit or length)),
                finish_reason="length" if limit and length > limit else "stop",
                group=f"g{i // groups}" if groups > 1 else "",
            )
            for i, length in enumerate(self.lengths)
        ]

    def fit(self):
        self.rows = HistoryRows.from_records(self.records)
        self.searcher = Searcher(VectorIndex.build(self.matrix), self.rows)
        return fit_estimator(self.matrix, self.rows, self.searcher)

    def grid_for(self, fit, matrix):
        codes = np.zeros(len(matrix), np.int64)
        hits = self.searcher.search(matrix, codes)
        cdf = fit.estimator.estimator(self.rows).distributions(hits, codes).cdf
        return fit.estimator.calibration.quantile_grid(cdf, hits.nearness())


@pytest.mark.parametrize("groups", [1, 8])
def test_an_index_fitted_on_its_own_rows_covers_new_prompts(groups):
    world, new = World(2_400, groups=groups), World(1_600, seed=1)
    grid = world.grid_for(world.fit(), new.matrix)
    for percent in (50, 90):
        covered = coverage(grid, new.lengths, percent)
        independent = 2_400 / groups
        assert covered == pytest.approx(percent / 100, abs=sampling_error(0.5, independent))


def test_a_fit_on_grouped_rows_does_not_see_the_group():
    seen_by_group = World(2_400, groups=8)
    alone = World(2_400, groups=8)
    alone.records = [replace(r, group="") for r in alone.records]
    grouped, leaking = seen_by_group.fit(), alone.fit()

    def width(fit):
        grid = fit.validation.grid
        return (to_log(grid[:, 94]) - to_log(grid[:, 4])).mean()

    assert width(grouped) > 1.5 * width(leaking)


def test_an_index_of_partly_cut_off_answers_does_not_promise_short_ones():
    world, new = World(2_400, limit=200), World(1_600, seed=1)
    assert 0.2 < np.mean([r.censored for r in world.records]) < 0.5
    grid = world.grid_for(world.fit(), new.matrix)
    under = (new.lengths[:, None] <= grid).mean(axis=0)
    assert np.abs(under - GRID)[:60].max() < sampling_error(0.5, 1_600)


def test_a_build_is_validated_on_rows_that_it_was_not_calibrated_on():
    world = World(1_000)
    fit = world.fit()
    assert fit.validation is not None
    assert len(fit.validation.rows) == 500
    assert fit.estimator.calibration.rows == 1_000


def test_rows_that_are_all_of_one_group_fit_nothing_and_do_not_fail():
    world = World(100)
    world.records = [replace(r, group="one") for r in world.records]
    fit = world.fit()
    assert fit.validation is None
    assert fit.estimator.calibration.rows == 0
