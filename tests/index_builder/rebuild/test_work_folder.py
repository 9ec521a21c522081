"""A killed round: its files go with the next round, which takes in the rows that it had read."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from index_builder.rebuild.outcome import RoundEnding
from index_builder.rebuild.work_folder import work_folder
from tests.index_builder.rebuild.conftest import new_records

ROOT = Path(__file__).parents[3]

WAITS_BEFORE_PUBLISHING = """
import sys
from index_builder.rebuild import round
from index_builder.rebuild.options import RebuildOptions
from index_builder.rebuild.progress import RoundProgress
from lengthwise.index import index
from lengthwise.index.store import Published
from tests.lengthwise.index.fakes import BagOfWords

index.load_encoder = lambda *_, **__: BagOfWords()

def tell(line):
    if line.startswith("Publishing"):
        print(line, flush=True)
        sys.stdin.readline()

place = Published.at(sys.argv[2])
options = RebuildOptions(min_new_rows=40)
round.Rebuild(history=sys.argv[1], place=place, options=options).run(RoundProgress(tell))
"""


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """An empty folder for temporary files, for this process and those that it starts."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


@pytest.fixture
def waiting_round(loop):
    """A process whose round has made a version and waits before it publishes it."""
    loop.report(new_records(200))
    process = subprocess.Popen(
        [sys.executable, "-c", WAITS_BEFORE_PUBLISHING, loop.history, str(loop.place)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline().startswith("Publishing")
        yield process
    finally:
        process.kill()
        process.communicate()


def test_what_a_killed_round_left_is_removed_by_the_next(loop, temporary, waiting_round):
    waiting_round.kill()
    waiting_round.wait()
    assert list(temporary.iterdir())
    assert loop.run().ending is RoundEnding.PUBLISHED
    assert not list(temporary.iterdir())


def test_a_round_that_was_killed_leaves_all_its_rows_to_the_next(loop, waiting_round):
    before = loop.place.versions()
    waiting_round.kill()
    waiting_round.wait()
    assert loop.place.versions() == before
    outcome = loop.run()
    assert (outcome.ending, outcome.new_rows, outcome.rows) == ("published", 200, 600)


def test_a_round_that_runs_keeps_its_folder(loop, temporary, waiting_round):
    (held,) = temporary.iterdir()
    files = sorted(held.rglob("*"))
    assert loop.run().ending is RoundEnding.PUBLISHED
    assert list(temporary.iterdir()) == [held]
    assert sorted(held.rglob("*")) == files


def test_folders_of_others_stay_whatever_they_are_called(temporary, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (temporary / "lengthwise-rebuild-old").mkdir()
    (temporary / "lengthwise-work-link").symlink_to(elsewhere)
    (temporary / "lengthwise-work-file").write_text("kept")
    before = sorted(temporary.iterdir())
    with work_folder() as folder:
        assert folder.parent == temporary
        assert sorted(temporary.iterdir()) == sorted([*before, folder])
    assert sorted(temporary.iterdir()) == before
    assert elsewhere.is_dir()


def test_the_folder_goes_at_the_end_whatever_happens_in_it(temporary):
    def fail(folder: Path):
        (folder / "made").write_text("half")
        raise OSError

    with pytest.raises(OSError), work_folder() as folder:
        fail(folder)
    assert not list(temporary.iterdir())
