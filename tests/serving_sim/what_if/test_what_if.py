"""From a log to a page."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from lengthwise.index.record import HistoryRecord
from serving_sim.cli.commands import app
from serving_sim.errors import InvalidWorkloadError
from serving_sim.what_if.cross_validated import cross_validated
from serving_sim.what_if.outcome import Interval, Outcome, rate_within

FORMS = (("Say yes or no: is {} red?", 3), ("Write a long story about {}.", 300))


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("log") / "log.jsonl"
    with path.open("w") as file:
        for i in range(300):
            form, tokens = FORMS[i % 2]
            length = int(tokens * rng.uniform(0.8, 1.2)) + 1
            file.write(json.dumps({"prompt": form.format(f"thing {i}"), "output_tokens": length}))
            file.write("\n")
    return path


@pytest.fixture(scope="module")
def found(log, tmp_path_factory):
    folder = tmp_path_factory.mktemp("found")
    arguments = [
        *("--history", str(log), "--slots", "4", "--load", "0.5,2", "--seeds", "2"),
        *("--requests", "120", "--profile", "ssjf", "--policy", "fcfs,lengthwise:shortest"),
        *("--report", str(folder / "page"), "--json", str(folder / "rows.json")),
    ]
    result = CliRunner().invoke(app, ["what-if", *arguments], catch_exceptions=False)
    assert result.exit_code == 0
    page = (folder / "page" / "what-if.html").read_text()
    return json.loads((folder / "rows.json").read_text()), page, result.stdout


def outcome(load: float, rate: float, mean_s: float) -> Outcome:
    mean = Interval(mean_s, mean_s, mean_s)
    return Outcome("fcfs", load, rate, *[mean] * 10, curve_s=())


def test_what_if_gains_on_a_log_whose_lengths_can_be_predicted(found):
    rows, _, _ = found
    burst = {row["policy"]: row for row in rows["rows"] if row["load"] == 2}
    fcfs, shortest = (burst[name]["mean_jct_s"] for name in ("fcfs", "lengthwise:shortest"))
    assert shortest["mean"] < 0.8 * fcfs["mean"]
    short_fcfs, short = (burst[name]["short_jct_s"] for name in ("fcfs", "lengthwise:shortest"))
    assert short["mean"] < short_fcfs["mean"]


def test_the_page_holds_its_pictures_and_every_policy(found):
    _, page, shown = found
    assert page.count("<svg") == 6
    assert "http://" not in page.replace("http://www.w3.org", "")
    for text in (page, shown):
        assert "lengthwise:shortest" in text


def test_each_prompt_is_predicted_by_an_index_that_has_not_seen_it(encoder):
    lengths = np.random.default_rng(0).integers(1, 500, 300).tolist()
    records = [HistoryRecord(f"question {i}", tokens) for i, tokens in enumerate(lengths)]
    learnt = cross_validated(records, encoder)
    assert len(learnt.predicted_tokens) == 300
    # Lengths that mean nothing cannot be predicted, unless the row itself was learnt from.
    assert abs(learnt.kendall_tau_b) < 0.3


def test_a_log_too_short_to_learn_from_is_refused(encoder):
    with pytest.raises(InvalidWorkloadError, match="0 usable rows and 3 folds"):
        cross_validated([], encoder)


def test_the_rate_within_a_limit_lies_between_the_loads_tried():
    rows = [outcome(0.5, 1.0, 2.0), outcome(1.0, 2.0, 6.0)]
    assert rate_within(rows, "fcfs", 4.0) == pytest.approx(1.5)
    assert rate_within(rows, "fcfs", 1.0) is None
    assert rate_within(rows, "fcfs", 9.0) == 2.0


def test_an_interval_over_seeds_holds_their_mean_and_widens_with_their_spread():
    narrow, wide = Interval.of([1.0, 1.1, 0.9]), Interval.of([1.0, 2.0, 0.0])
    assert narrow.low < narrow.mean < narrow.high
    assert wide.high - wide.low > narrow.high - narrow.low
    assert Interval.of([3.0]) == Interval(3.0, 3.0, 3.0)
