import gzip
import itertools
import random

import pytest

from testbed.errors import TestbedError
from testbed.workload import (
    burst,
    named_arrivals,
    poisson,
    warm_up_requests,
    workload,
)

ASKED = [(f"prompt {i}", 1 + i % 50) for i in range(500)]


def test_the_same_seed_gives_the_same_requests_and_another_gives_others():
    first, again, other = (
        workload(ASKED, 100, 0.9, poisson, seed, tokens_per_s=100.0) for seed in (1, 1, 2)
    )
    assert first == again
    assert [r.prompt for r in first] != [r.prompt for r in other]


def test_another_load_brings_the_same_requests_at_proportionally_other_times():
    calm = workload(ASKED, 50, 0.5, poisson, 3, tokens_per_s=100.0)
    busy = workload(ASKED, 50, 2.0, poisson, 3, tokens_per_s=100.0)
    assert [r.prompt for r in calm] == [r.prompt for r in busy]
    assert [r.arrival_s for r in calm] == pytest.approx([4 * r.arrival_s for r in busy])


def test_the_load_is_the_tokens_asked_for_per_second_over_those_made():
    requests = workload(ASKED, 500, 1.5, poisson, 0, tokens_per_s=200.0)
    asked = sum(r.output_tokens for r in requests) / requests[-1].arrival_s
    assert asked == pytest.approx(300, rel=0.15)


def test_no_request_tells_its_length_by_its_limit():
    requests = workload(ASKED, 100, 1.0, poisson, 0, tokens_per_s=1.0)
    assert {r.limit_tokens for r in requests} == {51}


def test_no_prompt_is_asked_twice_in_a_run():
    prompts = [r.prompt for r in workload(ASKED, 500, 1.0, burst, 0, tokens_per_s=1.0)]
    assert len(set(prompts)) == 500


def test_more_requests_than_prompts_are_refused():
    with pytest.raises(TestbedError, match="501 requests of 500 prompts"):
        workload(ASKED, 501, 1.0, burst, 0, tokens_per_s=1.0)


def test_a_trace_keeps_its_bursts_and_takes_on_the_rate(tmp_path):
    path = tmp_path / "trace.csv.gz"
    with gzip.open(path, "wt") as file:
        file.write("timestamp_s,input_tokens\n")
        for burst_at in range(50):
            file.writelines(f"{100 * burst_at + i / 10},1\n" for i in range(4))
    times_s = named_arrivals(f"trace:{path}")(101, 2.0, random.Random(0))
    gaps = [b - a for a, b in itertools.pairwise(times_s)]
    assert times_s[-1] == pytest.approx(50)
    assert max(gaps) / min(gaps) == pytest.approx(997, rel=0.01)


def test_a_run_longer_than_its_trace_goes_round_it(tmp_path):
    path = tmp_path / "trace.csv"
    path.write_text("timestamp_s\n0\n1\n3\n")
    times_s = named_arrivals(f"trace:{path}")(9, 1.0, random.Random(0))
    assert len(times_s) == 9
    assert times_s[-1] == pytest.approx(8)


@pytest.mark.parametrize("name", ["weekly", "trace:", "trace:/no/such/file"])
def test_unknown_arrivals_are_refused(name):
    with pytest.raises(TestbedError):
        named_arrivals(name)


def test_a_trace_without_times_is_refused(tmp_path):
    path = tmp_path / "trace.csv"
    path.write_text("when\n0\n1\n")
    with pytest.raises(TestbedError, match="timestamp_s"):
        named_arrivals(f"trace:{path}")


def test_an_engine_is_warmed_up_by_requests_of_usual_lengths_all_at_once():
    requests = warm_up_requests(ASKED, 100)
    assert sum(r.output_tokens for r in requests) / 100 == pytest.approx(25.5, rel=0.2)
    assert {r.arrival_s for r in requests} == {0.0}
    assert len(warm_up_requests(ASKED, 600)) == len(ASKED)
