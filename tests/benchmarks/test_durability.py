"""The durability benchmark's options and summary; what it does is tested with the service."""

import pytest

from benchmarks.durability.__main__ import DurabilityFindings, _options, _summary
from benchmarks.durability.check import Verdict
from benchmarks.durability.kills import KillRun
from benchmarks.durability.rate import Rate
from benchmarks.durability.reporters import Receipts, all_completions

RATE = Rate(
    completions=900, per_message=64, callers=4, wall_s=0.3, service_cpu_s=0.1, asker_cpu_s=0.1
)


def test_without_kills_what_the_database_lacks_is_lost():
    summary = _summary(DurabilityFindings(None, [RATE], rate_rows=897))
    assert {key: summary[key] for key in ("acknowledged", "lost", "duplicated")} == {
        "acknowledged": 900,
        "lost": 3,
        "duplicated": 0,
    }
    assert summary["reports_per_s"] == 3_000


def test_with_kills_the_verdict_is_theirs():
    verdict = Verdict(acknowledged=5, lost=1, duplicated=2, altered=3, missed_by_reader=4)
    found = DurabilityFindings(
        KillRun(verdict, 20, Receipts(failed_calls=6), 1.0), [RATE], rate_rows=900
    )
    summary = _summary(found)
    assert (summary["acknowledged"], summary["lost"], summary["duplicated"]) == (5, 1, 2)
    assert (summary["kills"], summary["failed_calls"]) == (20, 6)


def test_the_recorded_command_has_no_address_and_no_password():
    options = _options(["--database", "postgresql://me:secret@host/name", "--kills", "2"])
    assert options.command == "python -m benchmarks.durability --database URL --kills 2"


@pytest.mark.parametrize("bad", [["--reports", "5"], ["--kills", "-1"]])
def test_what_cannot_work_is_refused_at_once(bad, capsys):
    with pytest.raises(SystemExit):
        _options(bad)
    assert "expected --reports of at least 1000" in capsys.readouterr().err


def test_completions_follow_from_their_number_and_have_ids_of_their_own():
    one, again = list(all_completions("run", 3_000)), list(all_completions("run", 3_000))
    assert one == again
    assert len({completion.request_id for completion in one}) == 3_000
