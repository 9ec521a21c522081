"""`python -m index_builder rebuild`: exit codes, lines, JSON, signals."""

import errno
import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from index_builder.cli import commands as cli
from index_builder.cli import rebuild_command
from index_builder.rebuild.outcome import RoundEnding
from index_builder.rebuild.progress import RoundProgress
from tests.index_builder.rebuild.conftest import new_records
from tests.index_builder.rebuild.test_round import wrong_then_right
from tests.lengthwise.history.database.helpers import writing

ROOT = Path(__file__).parents[3]


def invoke(loop, *arguments):
    asked = ("rebuild", "--store", loop.history, "--index-store", str(loop.place))
    options = ("--min-new-rows", "40", *arguments)
    return CliRunner().invoke(cli.app, [*asked, *options], catch_exceptions=False)


def test_a_published_version_is_told_with_how_it_compares(loop):
    loop.report(new_records(200))
    result = invoke(loop)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].startswith(f"Published {loop.place.current()}: 600 rows, 200 new rows after 0;")
    assert lines[1].startswith("  on the newest 50 rows, live -> candidate: MAE ")


def test_json_has_one_line_for_a_round(loop):
    loop.report(new_records(200))
    (line,) = invoke(loop, "--json").stdout.splitlines()
    found = json.loads(line)
    assert found["ending"] == "published"
    assert found["version"] == loop.place.current()
    assert found["last_sequence"] == found["new_rows"] == 200
    assert set(found["comparison"]["loss"]) == {"mae", "tau", "coverage"}


def test_nothing_new_is_no_failure(loop):
    result = invoke(loop)
    assert result.exit_code == 0
    assert result.stdout == f"Nothing new after 0: {loop.place.current()} stays\n"


def test_a_refusal_has_an_exit_code_of_its_own(loop):
    loop.report(wrong_then_right())
    result = invoke(loop)
    assert result.exit_code == 3
    assert result.stdout.startswith("Refused: ")


def test_a_history_that_is_not_there_fails_in_one_line(loop, tmp_path):
    loop.history = str(tmp_path / "none.db")
    result = invoke(loop)
    assert result.exit_code == 1
    first, reason = result.stdout.splitlines()
    assert first == "Failed: nothing was published"
    assert "there is no such file" in reason


def test_a_disk_that_is_full_fails_in_one_line(loop, monkeypatch):
    def fill(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device", "vectors.npy")

    loop.report(new_records(200))
    before = loop.place.current()
    monkeypatch.setattr("lengthwise.index.store.artifact_writer.write_repeats", fill)
    result = invoke(loop)
    assert result.exit_code == 1
    first, reason = result.stdout.splitlines()
    assert first == "Failed: nothing was published"
    assert "No space left on device" in reason
    assert loop.place.current() == before


@pytest.fixture
def service_like(tmp_path):
    """Starts the program on an empty history; it stops with the test."""
    running = []
    with writing(str(tmp_path / "h.db")):
        pass

    def start(*arguments):
        places = ("--store", str(tmp_path / "h.db"), "--index-store", str(tmp_path / "store"))
        process = subprocess.Popen(
            [sys.executable, "-m", "index_builder", "rebuild", *places, *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def test_on_a_schedule_it_goes_on_and_ends_well_when_told_to(service_like):
    process = service_like("--every", "0.1", "--json")
    for _ in range(2):
        assert json.loads(process.stdout.readline())["ending"] == "nothing new"
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0


def test_on_a_schedule_only_the_first_version_is_made_from_the_row_that_was_told(loop, monkeypatch):
    told = []

    def tell(outcome, **_):
        told.append(outcome)
        if len(told) == 2:
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(rebuild_command, "_print", tell)
    loop.report(new_records(200))
    # Rows that the caps dropped are in no version by which they would be known again.
    tolerant = ("--tolerate-mae", "1000", "--tolerate-tau", "2", "--tolerate-coverage", "1")
    invoke(loop, "--every", "0.01", "--from-sequence", "0", "--keep-rows", "100", *tolerant)
    assert [outcome.ending for outcome in told] == ["published", "nothing new"]


def test_until_one_is_published_every_round_begins_at_the_row_that_was_told(loop):
    loop.report(wrong_then_right())
    job = loop.job(from_sequence=0)
    outcome = job.run(RoundProgress())
    assert outcome.ending == "refused"
    assert job.after(outcome) == job
    published = replace(outcome, ending=RoundEnding.PUBLISHED)
    assert job.after(published).options.from_sequence == -1
    assert job.after(replace(published, carried_over=True)) == job, "it holds none of the history"
