"""A history in SQLite, a store with a version in it, and a rebuild between them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from index_builder.build.builder import build_index
from index_builder.rebuild.options import RebuildOptions
from index_builder.rebuild.outcome import Outcome
from index_builder.rebuild.progress import RoundProgress
from index_builder.rebuild.round import Rebuild
from lengthwise.history.database.completion import Report
from lengthwise.index.index import LengthIndex
from lengthwise.index.store import Published
from tests.lengthwise.history.database.helpers import writing
from tests.lengthwise.index.fakes import BagOfWords, Source, topic_history

OPTIONS = RebuildOptions(min_new_rows=40)


@dataclass
class Loop:
    """What a test does to a history, and the job that follows it."""

    history: str
    place: Published
    encoder: BagOfWords
    options: RebuildOptions = OPTIONS

    def report(self, records, *, vectors=None, encoder_hash="", at_unix_s=None):
        """Have completions stored, as the service does."""
        clock = {} if at_unix_s is None else {"clock": lambda: at_unix_s}
        with writing(self.history, **clock) as writer:
            writer.append([Report(records, vectors, encoder_hash)])

    def job(self, **options) -> Rebuild:
        chosen = replace(self.options, **options)
        return Rebuild(history=self.history, place=self.place, options=chosen)

    def run(self, tell: Callable[[str], None] = lambda _: None, **options) -> Outcome:
        """One round."""
        return self.job(**options).run(RoundProgress(tell))

    def index(self, cache: Path) -> LengthIndex:
        """The current version."""
        version = self.place.current()
        assert version is not None
        return LengthIndex.load(self.place.fetch(version, cache), encoder=self.encoder)


def new_records(count: int, *, seed: int = 1, model: str = "llm", factor: float = 1.0) -> Source:
    """Rows that the first version does not have."""
    made = topic_history(count, seed=seed, model=model, factor=factor)
    return Source(replace(record, id=f"new-{seed}-{i}") for i, record in enumerate(made))


@pytest.fixture
def encoder(monkeypatch):
    """The fake encoder, whatever is asked for."""
    fake = BagOfWords()
    monkeypatch.setattr("index_builder.rebuild.round.load_encoder", lambda *_, **__: fake)
    monkeypatch.setattr("lengthwise.index.index.load_encoder", lambda *_, **__: fake)
    return fake


@pytest.fixture
def empty_loop(tmp_path, encoder):
    """A history without rows and a place where nothing was published."""
    loop = Loop(str(tmp_path / "h.db"), Published.at(str(tmp_path / "store")), encoder)
    with writing(loop.history):
        return loop


@pytest.fixture
def loop(empty_loop, tmp_path):
    """The same with a version of 400 rows, built from files."""
    build_index(topic_history(400), tmp_path / "store", empty_loop.encoder)
    empty_loop.encoder.encoded = 0
    return empty_loop
