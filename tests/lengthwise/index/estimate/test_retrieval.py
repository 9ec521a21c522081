"""From hits to distributions, before calibration."""

import numpy as np
import pytest

from lengthwise.index.estimate.familiarity import Familiarity
from lengthwise.index.estimate.retrieval import RetrievalEstimator, RetrievalParameters
from lengthwise.index.record import HistoryRecord
from lengthwise.index.search.hits import Hits
from lengthwise.index.search.rows import HistoryRows

ANY = np.array([-1])


def estimator_of(records, familiarity=None, **parameters):
    rows = HistoryRows.from_records(records)
    chosen = RetrievalParameters(**{"spread": 0.0, **parameters})
    return RetrievalEstimator(rows, chosen, familiarity or Familiarity())


def hits_of(similarities, rows):
    return Hits(np.array([similarities], np.float32), np.array([rows]))


def median_tokens(estimator, hits, codes):
    cdf = estimator.distributions(hits, codes).cdf
    return float(np.expm1(cdf.quantiles(np.array([[0.5]]))[0, 0]))


@pytest.fixture
def two_llms():
    """One LLM says 99 tokens to everything, the other 999."""
    return [HistoryRecord(f"p{i}", n, m) for m, n in (("a", 99), ("b", 999)) for i in range(500)]


def test_places_where_nothing_was_found_count_for_nothing():
    records = [HistoryRecord("p", n) for n in (10, 20, 30, 1_000_000)]
    estimator = estimator_of(records, scale=5.0)
    found = estimator.distributions(hits_of([0.9, 0.8], [0, 1]), ANY)
    padded = estimator.distributions(hits_of([0.9, 0.8, -1, -1], [0, 1, -1, -1]), ANY)
    levels = np.linspace(0, 1, 21)[None, :]
    assert padded.prior_share == pytest.approx(found.prior_share)
    assert padded.cdf.quantiles(levels) == pytest.approx(found.cdf.quantiles(levels))


def test_with_nothing_found_there_is_the_prior_alone():
    estimator = estimator_of([HistoryRecord("p", n) for n in range(1, 102)])
    nothing = hits_of([-1], [-1])
    assert estimator.distributions(nothing, ANY).prior_share.tolist() == [1]
    assert median_tokens(estimator, nothing, ANY) == pytest.approx(51, rel=0.05)


def test_another_llms_length_counts_as_that_is_to_the_asked_ones(two_llms):
    estimator = estimator_of(two_llms, prior_similarity=-1.0)
    hits = hits_of([0.8] * 8, range(8))  # rows of "a" alone
    assert median_tokens(estimator, hits, np.array([0])) == pytest.approx(99, rel=0.01)
    assert median_tokens(estimator, hits, np.array([1])) == pytest.approx(999, rel=0.25)
    assert median_tokens(estimator, hits, ANY) == pytest.approx(99, rel=0.01)


def test_another_llms_rows_weigh_less_than_the_asked_ones(two_llms):
    two_llms[0] = HistoryRecord("p", 400, "a")
    hits = hits_of([0.8, 0.8, 0.8], [0, 500, 501])
    estimator = estimator_of(two_llms, other_model_weight=0.01, prior_similarity=-1.0)
    assert median_tokens(estimator, hits, np.array([0])) == pytest.approx(400, rel=0.05)


def test_a_repeat_of_the_prompt_outweighs_many_that_are_merely_near():
    records = [HistoryRecord("p", n) for n in (700, *[50] * 20)]
    hits = hits_of([1.0, *[0.9] * 20], range(21))
    assert median_tokens(estimator_of(records), hits, ANY) == pytest.approx(700, rel=0.01)


def test_only_as_many_neighbours_count_as_were_chosen():
    records = [HistoryRecord("p", n) for n in (100, 100, *[900] * 30)]
    hits = hits_of([0.9, 0.9, *[0.85] * 30], range(32))
    two = estimator_of(records, neighbours=2, prior_similarity=-1.0)
    assert median_tokens(two, hits, ANY) == pytest.approx(100, rel=0.01)
    assert median_tokens(two.with_parameters(RetrievalParameters()), hits, ANY) > 800


def test_neighbours_of_a_foreign_prompt_count_for_nothing():
    records = [HistoryRecord("p", n) for n in (*[10] * 50, *[1_000] * 50)]
    foreign = estimator_of(records, Familiarity(0.6, 0.5))
    share = foreign.distributions(hits_of([0.4] * 8, range(8)), ANY).prior_share
    assert share.tolist() == [1]


def test_far_neighbours_are_smeared_and_near_ones_are_not():
    records = [HistoryRecord("p", 100) for _ in range(100)]
    estimator = estimator_of(records, spread=0.3, prior_similarity=-1.0)

    def width(similarity):
        cdf = estimator.distributions(hits_of([similarity] * 32, range(32)), ANY).cdf
        low, high = cdf.quantiles(np.array([[0.1, 0.9]]))[0]
        return high - low

    assert width(1.0) < 0.01
    assert width(0.7) == pytest.approx(0.6, abs=0.05)
