import json
from dataclasses import asdict, replace

import pytest

from benchmarks.vllm.aims import vllm_aims
from benchmarks.vllm.asked import Asked
from benchmarks.vllm.compare import Interval, compared
from benchmarks.vllm.picture import draw_picture, shown_rows
from benchmarks.vllm.plan import Plan, default_requests, known_capacity
from benchmarks.vllm.policies import SCHEDULERS, Policy, parse_policies
from benchmarks.vllm.rows import JctRow, RunKey, read_rows, write_rows
from benchmarks.vllm.tables import jct_report
from lengthwise.index.errors import InvalidInputError
from lengthwise.scheduling import RULE_NAMES
from testbed.engine_options import EngineOptions
from testbed.replay import Outcome
from testbed.workload import Request

KEY = RunKey("fcfs", 8, 2.0, 0, 4, "poisson", 12.0)


def outcome(tokens, seconds, first_s=0.5, error=None):
    return Outcome(Request("", tokens, 1.0), 1.01, 1.0 + first_s, 1.0 + seconds, tokens, error)


def row(policy, seed=0, mean_s=10.0, load=2.0, **fields):
    outcomes = [outcome(10, mean_s, mean_s / 2)]
    key = replace(KEY, policy=policy, seed=seed, load=load, requests=1)
    made = JctRow.from_outcomes(key, outcomes, fallback_causes={}, capacity=600.0)
    return replace(made, **fields)


def plan(**fields):
    wanted = {
        "policies": parse_policies("fcfs,oracle-sjf"),
        "slots": [1, 8],
        "loads": [0.9, 2.0],
        "seeds": 2,
        "arrivals": "poisson",
        "requests": 10,
        "step_ms": {1: 8.5, 8: 12.0},
    }
    return Plan(**(wanted | fields))


def test_a_row_has_the_columns_that_were_agreed_on():
    made = row("fcfs").to_dict()
    agreed = (
        "policy slots load seed requests mean_jct_s p50_jct_s p90_jct_s p99_jct_s mean_ttft_s "
        "max_wait_s tokens_per_s fallbacks failed"
    )
    assert set(agreed.split()) <= set(made)


def test_times_of_a_row_run_from_the_arrival_and_leave_failed_requests_out():
    outcomes = [outcome(5, 1.0), outcome(10, 3.0, first_s=2.0), outcome(7, 99.0, error="broke")]
    made = JctRow.from_outcomes(
        KEY, outcomes, fallback_causes={"deadline": 2, "no_text": 1}, capacity=1.0
    )
    assert made.mean_jct_s == pytest.approx(2)
    assert made.mean_ttft_s == pytest.approx(1.25)
    assert made.max_wait_s == pytest.approx(2)
    assert made.tokens_per_s == pytest.approx(15 / 4)
    assert (made.failed, made.fallbacks) == (1, 3)
    assert made.short_jct_s[0] == pytest.approx(1)
    assert made.long_jct_s[-1] == pytest.approx(3)


def test_a_run_in_which_everything_failed_is_no_row():
    with pytest.raises(ValueError, match="broke"):
        JctRow.from_outcomes(
            KEY, [outcome(5, 1.0, error="broke")], fallback_causes={}, capacity=1.0
        )


def test_rows_come_back_from_their_file_as_a_list(tmp_path):
    rows = [row("fcfs"), row("lengthwise", seed=1)]
    write_rows(tmp_path / "new" / "rows.json", rows)
    assert isinstance(json.loads((tmp_path / "new" / "rows.json").read_text()), list)
    read = read_rows(tmp_path / "new" / "rows.json")
    assert [r.key for r in read] == [r.key for r in rows]
    assert [r.to_dict() for r in read] == [r.to_dict() for r in rows]
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["rows.json"]


def test_a_file_with_something_else_is_not_written_over(tmp_path):
    (tmp_path / "rows.json").write_text('[{"policy": "fcfs"}]')
    with pytest.raises(ValueError, match="give another file"):
        read_rows(tmp_path / "rows.json")


def test_runs_that_ended_are_not_run_again():
    wanted = plan()
    rows = [replace(row("fcfs"), **asdict(key)) for key in wanted.all_keys()]
    assert wanted.missing(rows) == []
    (left,) = wanted.missing(rows[:-1])
    assert (left.policy.name, left.slots, list(left.keys)) == ("oracle-sjf", 8, [rows[-1].key])


def test_one_engine_serves_all_loads_and_seeds_of_a_policy():
    assert [len(runs.keys) for runs in plan().missing([])] == [4, 4, 4, 4]


def test_another_pace_or_number_of_requests_is_another_run():
    done = [replace(row("fcfs"), slots=8, load=2.0, requests=10)]
    one = {"policies": parse_policies("fcfs"), "slots": [8], "loads": [2.0], "seeds": 1}
    assert plan(**one).missing(done) == []
    assert len(plan(**one, requests=11).missing(done)) == 1
    assert len(plan(**one, step_ms={8: 0.0}).missing(done)) == 1


def test_runs_take_about_as_long_whatever_the_slots():
    assert [default_requests(n) for n in (1, 8, 32)] == [60, 270, 600]


def test_a_later_run_is_offered_the_load_of_the_earlier_ones():
    rows = [row("fcfs", capacity_tokens_per_s=512.0)]
    assert known_capacity(rows, 8, 12.0) == 512
    assert known_capacity(rows, 8, 0.0) is None
    assert known_capacity(rows, 1, 12.0) is None


@pytest.mark.parametrize(
    "name", ["fcfs", "oracle-srpt", "lengthwise", "lengthwise:shortest", "lengthwise-scheduler"]
)
def test_a_policys_name_is_what_it_is_parsed_from(name):
    assert Policy.parse(name).name == name


def test_a_rule_applies_where_a_policy_names_none_and_the_plugin_orders():
    names = [p.name for p in parse_policies("fcfs,lengthwise,lengthwise:aged", "shortest")]
    assert names == ["fcfs", "lengthwise:shortest", "lengthwise:aged"]


@pytest.mark.parametrize(
    "name", ["sjf", "fcfs:shortest", "lengthwise:best", "lengthwise:shortest:x=1"]
)
def test_what_is_no_policy_is_refused(name):
    with pytest.raises(ValueError, match=r"no policy|no rule|no option"):
        Policy.parse(name)


def test_every_rule_can_be_measured():
    assert all(Policy.parse(f"lengthwise:{rule}").rule == rule for rule in RULE_NAMES)


def test_first_come_first_served_is_vllms_own():
    options = Policy.parse("fcfs").engine_options(EngineOptions(), "host:1", "llm")
    assert options.policy == "fcfs"
    assert options.environment == {}
    assert options.scheduler_class is None


def test_lengthwise_predicts_and_reports_nothing_that_would_give_later_runs_away():
    options = Policy.parse("lengthwise-scheduler:shortest").engine_options(
        EngineOptions(), "host:1", "llm"
    )
    assert options.policy == "priority"
    assert options.scheduler_class == f"{SCHEDULERS}.LengthwiseScheduler"
    assert options.environment["LENGTHWISE_TARGET"] == "host:1"
    assert options.environment["LENGTHWISE_MODEL"] == "llm"
    assert options.environment["LENGTHWISE_RULE"] == "shortest"
    assert options.environment["LENGTHWISE_REPORT"] == "false"


def test_a_gpu_schedules_asynchronously():
    options = Policy.parse("oracle-srpt").engine_options(EngineOptions(on_gpu=True), "", "")
    assert options.scheduler_class.endswith(".OracleAsyncScheduler")


def test_the_oracle_alone_sends_true_lengths():
    requests = [Request("a", 7, 0.0, 100)]
    assert [r.priority for r in Policy.parse("oracle-sjf").requests(requests)] == [7]
    assert [r.priority for r in Policy.parse("lengthwise").requests(requests)] == [None]


def history(path, prompts):
    rows = [{"prompt": p, "output_tokens": len(p), "model": "llm"} for p in prompts]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def test_nothing_that_is_asked_is_learnt(tmp_path):
    past = history(tmp_path / "past.jsonl", ["one", "two", "three"])
    asked = Asked.from_files(past, history(tmp_path / "asked.jsonl", ["two", "four"]), 1000)
    assert [r.prompt for r in asked.learnt] == ["one", "three"]
    assert asked.pairs == [("two", 3), ("four", 4)]
    assert asked.model == "llm"


def test_a_file_that_is_both_is_split(tmp_path):
    both = history(tmp_path / "both.jsonl", [f"prompt {i}" for i in range(200)])
    asked = Asked.from_files(both, both, 1000)
    assert len(asked.learnt) + len(asked.pairs) == 200
    assert 20 <= len(asked.pairs) <= 60


def test_requests_that_do_not_fit_the_engine_are_left_out(tmp_path):
    past = history(tmp_path / "past.jsonl", ["one"])
    with pytest.raises(InvalidInputError, match="leaves no request"):
        Asked.from_files(past, history(tmp_path / "asked.jsonl", ["a long one" * 100]), 200)


def test_policies_are_compared_seed_by_seed():
    rows = [
        *(row("fcfs", seed, mean_s=10.0 * (1 + seed)) for seed in range(3)),
        *(row("oracle-sjf", seed, mean_s=5.0 * (1 + seed)) for seed in range(3)),
        *(row("lengthwise", seed, mean_s=6.0 * (1 + seed)) for seed in range(3)),
    ]
    by_policy = {pair.policy: pair for pair in compared(rows)}
    change = by_policy["lengthwise"].change(lambda r: r.mean_jct_s)
    assert change.mean == pytest.approx(-0.4)
    assert change.half_width == pytest.approx(0)
    assert by_policy["lengthwise"].share_of_oracle().mean == pytest.approx(0.8)


def test_where_no_queue_forms_no_share_is_claimed():
    rows = [
        row("fcfs", mean_ttft_s=0.1),
        row("oracle-sjf", mean_s=9.9),
        row("lengthwise", mean_s=9.95),
    ]
    report = jct_report("command", rows)
    changes = next(t for t in report.tables if t.name == "vllm_changes")
    assert {line["share"] for line in changes.rows} == {"no queue"}
    assert all(pair.share_of_oracle() is None for pair in compared(rows))


def test_a_policy_without_first_come_first_served_beside_it_is_not_compared():
    assert compared([row("lengthwise"), row("oracle-sjf")]) == []
    assert jct_report("command", [row("lengthwise")]).to_dict()["rows"]


def test_an_interval_needs_more_than_one_seed():
    assert Interval.from_values([1.0]).half_width is None
    # Student's t with two degrees of freedom: 4.303 standard errors.
    assert Interval.from_values([1.0, 2.0, 3.0]).half_width == pytest.approx(
        4.303 / 3**0.5, rel=1e-3
    )


def test_aims_are_judged_where_they_were_set():
    rows = [
        row("fcfs"),
        row("oracle-sjf", mean_s=5.0),
        row("lengthwise:shortest", mean_s=5.5),
        row("lengthwise", mean_s=6.5, p99_jct_s=11.5, max_wait_s=5.5),
    ]
    aims = {aim.name: aim.met for aim in vllm_aims(compared(rows))}
    assert aims == {
        "mean JCT, lengthwise:shortest, 8 slots, load 2": True,
        "of the oracle's gain, lengthwise, 8 slots, load 2": False,
        "p99 of FCFS's, lengthwise, 8 slots, load 2": False,
        "longest wait of FCFS's, lengthwise, 8 slots, load 2": True,
    }


def test_the_picture_shows_the_greatest_load_at_eight_slots(tmp_path):
    rows = [row("fcfs", load=0.9), row("fcfs"), row("lengthwise"), row("fcfs", slots=32)]
    assert [(r.policy, r.slots, r.load) for r in shown_rows(rows)] == [
        ("fcfs", 8, 2.0),
        ("lengthwise", 8, 2.0),
    ]
    draw_picture(rows, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")
