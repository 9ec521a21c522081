"""What is drawn, read and predicted."""

import gzip
import json
import math

import numpy as np
import pytest
from scipy.stats import kendalltau

from serving_sim.engine.profile import SHIPPED, Profile
from serving_sim.errors import InvalidEngineError, InvalidWorkloadError
from serving_sim.workload.arrivals import gamma_arrivals_s, scaled_arrivals_s
from serving_sim.workload.length_table import LengthTable
from serving_sim.workload.predictions import class_means, learnt_distributions, oracle_with_noise
from serving_sim.workload.predictor import Predictor
from serving_sim.workload.requests import Requests
from serving_sim.workload.workload import Workload, gamma_arrivals, trace_arrivals


@pytest.fixture
def lengths() -> np.ndarray:
    return np.random.default_rng(0).lognormal(5, 1, 5000).astype(np.int64) + 1


def table_of(outputs: list[int], **columns) -> LengthTable:
    return LengthTable(np.array(outputs), np.ones(len(outputs), np.int64), **columns)


def test_gamma_arrivals_have_the_rate_and_the_variation_asked_for():
    gaps_s = np.diff(gamma_arrivals_s(5.0, 3.0, 200_000, np.random.default_rng(1)))
    assert gaps_s.mean() == pytest.approx(0.2, rel=0.05)
    assert gaps_s.std() / gaps_s.mean() == pytest.approx(3.0, rel=0.05)


def test_an_infinite_rate_is_a_burst_of_all_at_once():
    assert gamma_arrivals_s(math.inf, 1.0, 3, np.random.default_rng(0)).tolist() == [0, 0, 0]


def test_a_scaled_trace_keeps_the_proportions_of_its_gaps_and_goes_round():
    arrival_s = scaled_arrivals_s(np.array([10.0, 11.0, 14.0]), 1.0, 5, start=1)
    assert np.diff(arrival_s, prepend=0).tolist() == [1.5, 0.5, 1.5, 0.5, 1.5]


def test_a_trace_of_one_time_is_refused():
    with pytest.raises(InvalidWorkloadError, match="at least two different times"):
        scaled_arrivals_s(np.array([1.0, 1.0]), 1.0, 5)


def test_a_seed_draws_the_same_requests_and_another_seed_others(lengths):
    workload = Workload(table_of(lengths.tolist()), gamma_arrivals(1.0), lengths.astype(float))
    first, again, other = (workload.draw(50, 2.0, seed) for seed in (1, 1, 2))
    assert first.output_tokens.tolist() == again.output_tokens.tolist()
    assert first.arrival_s.tolist() == again.arrival_s.tolist()
    assert first.output_tokens.tolist() != other.output_tokens.tolist()


def test_rows_of_a_trace_stay_in_its_order():
    table = table_of([1, 2, 3, 4], timestamp_s=np.arange(4.0))
    workload = Workload(table, trace_arrivals(np.arange(4.0)), np.ones(4), ordered=True)
    outputs = workload.draw(6, 1.0, 0).output_tokens
    assert ((np.diff(outputs) - 1) % 4 == 0).all()


@pytest.mark.parametrize("tau", [0.3, 0.6, 0.9])
def test_noise_orders_as_badly_as_is_asked_for(lengths, tau):
    predicted = oracle_with_noise(lengths, tau, np.random.default_rng(2))
    assert kendalltau(predicted, lengths).statistic == pytest.approx(tau, abs=0.03)


def test_no_noise_is_the_truth(lengths):
    told = oracle_with_noise(lengths, 1.0, np.random.default_rng(2))
    assert told.tolist() == lengths.tolist()


def test_a_class_gets_the_mean_and_the_distribution_of_what_it_turned_out_to_be():
    known, tokens = np.array([0, 0, 1, 1]), np.array([10, 20, 100, 300])
    means = class_means(np.array([1, 0]), known, tokens)
    assert means.tolist() == [200, 15]
    told = learnt_distributions(known.astype(float), tokens, np.array([1.0, 0.0]))
    assert told[0].quantile(0.5) == 200
    assert told[1].quantile(0.5) == 15


def test_a_class_that_is_unknown_is_refused():
    with pytest.raises(InvalidWorkloadError, match="class 2 is predicted"):
        class_means(np.array([2]), np.array([0, 1]), np.array([1, 2]))


def test_lengths_are_read_from_csv_and_from_json_lines_packed_or_not(tmp_path):
    (tmp_path / "a.csv").write_text("output_tokens,input_tokens,timestamp_s\n5,7,2\n0,0,1\n")
    with gzip.open(tmp_path / "b.jsonl.gz", "wt") as file:
        file.write(json.dumps({"output_tokens": 5, "prompt_tokens": 9, "prompt": "Hi"}) + "\n")
    table = LengthTable.from_file(tmp_path / "a.csv")
    packed = LengthTable.from_file(tmp_path / "b.jsonl.gz")
    assert table.output_tokens.tolist() == [1, 5]  # in the order of their arrival
    assert table.input_tokens.tolist() == [1, 7]
    assert table.timestamp_s is not None
    assert table.timestamp_s.tolist() == [1, 2]
    assert (packed.input_tokens.tolist(), packed.prompts) == ([9], ("Hi",))


def test_a_file_without_lengths_is_refused_with_its_row(tmp_path):
    (tmp_path / "a.csv").write_text("tokens\n5\n")
    with pytest.raises(InvalidWorkloadError, match=r"row 1: expected .* 'output_tokens'"):
        LengthTable.from_file(tmp_path / "a.csv")


def test_rows_that_no_llm_takes_are_left_out():
    assert table_of([5, 50, 8]).within(10).output_tokens.tolist() == [5, 8]


@pytest.mark.parametrize("text", ["best", "oracle:1", "noise", "noise:much", "column:predicted"])
def test_predictions_that_cannot_be_made_are_refused(text):
    with pytest.raises(InvalidWorkloadError):
        Predictor.from_text(text).predict(table_of([1, 2]))


def test_requests_that_do_not_come_in_order_are_refused():
    ones = np.ones(2, np.int64)
    with pytest.raises(InvalidWorkloadError, match="does not ascend"):
        Requests(np.array([1.0, 0.0]), ones, ones, np.ones(2))


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_profile_reads_and_names_its_source(name):
    profile = Profile.from_name(name)
    assert profile.name == name
    assert profile.source
    assert Profile.from_dict(profile.to_dict()) == profile


def test_a_profile_with_an_unknown_cost_is_refused(tmp_path):
    path = tmp_path / "p.json"
    path.write_text(json.dumps({"name": "x", "source": "y", "cost": {"speed": 1}}))
    with pytest.raises(InvalidEngineError, match="is no profile: expected JSON"):
        Profile.from_name(str(path))
