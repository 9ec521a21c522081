"""kill -9 of a real process while real clients report to it: the benchmark, small.

The service is the real one but for its index, so that it starts at once.
"""

import sys

import pytest

from benchmarks.durability.kills import KillPlan, run_kills
from benchmarks.harness.killable_service import KillableService

PLAN = KillPlan(kills=3, reports=3_000, threads=3, largest=40, timeout_s=60)


def with_a_fake_index(folder):
    def make(host: str, place: str) -> list[str]:
        options = {"index": folder, "host": host, "completions": place, "log_level": "warning"}
        given = [f"{name}={value}" for name, value in options.items()]
        return [sys.executable, "-m", "tests.predictor_service.served", *given]

    return make


@pytest.fixture
def service(tmp_path, place):
    (tmp_path / "CURRENT").write_text("v1")
    with KillableService(tmp_path, place, with_a_fake_index(tmp_path)) as running:
        yield running


def test_what_was_acknowledged_survives_kills_and_is_there_once(service, place):
    found = run_kills(service, place, "run", PLAN)
    assert found.verdict.clean, found.verdict
    assert found.verdict.acknowledged == PLAN.reports
    assert found.receipts.failed_calls > 0, "the kills hit reports under way"


def test_the_check_finds_what_is_lost_doubled_altered_or_missed(place):
    from benchmarks.durability.check import check
    from benchmarks.durability.reporters import Receipts, all_completions
    from lengthwise.history.database.completion import Report
    from tests.lengthwise.history.database.helpers import record, rows, writing

    given = list(all_completions("run", 5))
    kept = [record(c.request_id, prompt=c.prompt, output_tokens=c.output_tokens) for c in given]
    altered = record(given[3].request_id, prompt="another", output_tokens=1)
    with writing(place) as writer:
        writer.append([Report([kept[0], kept[1], altered])])
    numbers = [row.sequence for row in rows(place)]
    receipts = Receipts({c.request_id for c in given}, stored=7)
    verdict = check(place, "run", 5, receipts, [numbers[0], numbers[2], numbers[2]])
    assert (verdict.lost, verdict.duplicated, verdict.altered) == (2, 2, 1)
    assert verdict.missed_by_reader == 2
    assert not verdict.clean
