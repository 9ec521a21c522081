"""The index job: streaming, bounded, all or nothing."""

import subprocess
import sys
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from index_builder.build import encoded_rows
from index_builder.build.builder import BuildOptions, build_index
from index_builder.build.encoding import encode_unique
from lengthwise.index.errors import EncoderError, InvalidInputError
from lengthwise.index.estimate.estimate import Query
from lengthwise.index.index import LengthIndex
from lengthwise.index.record import HistoryRecord
from lengthwise.index.store.folder_store import FolderStore
from tests.lengthwise.index.fakes import BagOfWords, Source, topic_history

ROOT = Path(__file__).parents[3]

BUILDS_AND_WAITS = """
import sys
from pathlib import Path
from index_builder.build.builder import build_index
from tests.lengthwise.index.fakes import BagOfWords, Source, topic_history

class Waiting(Source):
    def __iter__(self):
        for i, record in enumerate(super().__iter__()):
            if i == 50:
                print("building", flush=True)
                sys.stdin.readline()
            yield record

build_index(Waiting(topic_history(100)), Path(sys.argv[1]), BagOfWords())
print("built", flush=True)
"""

RUNS_OUT_OF_DISK = """
import random, resource, string, sys
from dataclasses import replace
from pathlib import Path
from index_builder.build.builder import build_index
from lengthwise.index.errors import StoreError
from tests.lengthwise.index.fakes import BagOfWords, Source, topic_history

rng = random.Random(0)
letters = int(sys.argv[3])
history = Source(
    replace(r, prompt=r.prompt + " " + "".join(rng.choices(string.ascii_letters, k=letters)))
    for r in topic_history(200)
)
limit = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    build_index(history, Path(sys.argv[1]), BagOfWords())
except StoreError as error:
    print(error)
"""


def contents(root):
    return sorted(p.name for p in root.iterdir() if p.name != ".lock")


@pytest.fixture
def script():
    """Starts Python programs that stop with the test."""
    running = []

    def start(code, *arguments):
        process = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def test_a_build_is_read_in_chunks_that_are_forgotten(tmp_path, monkeypatch):
    monkeypatch.setattr(encoded_rows, "CHUNK_ROWS", 50)
    alive = weakref.WeakSet()
    most = 0

    class Record(HistoryRecord):
        __slots__ = ("__weakref__",)
        __hash__ = object.__hash__

    class Lazy:
        fingerprint = "lazy"

        def __iter__(self):
            nonlocal most
            for r in topic_history(600):
                record = Record(r.prompt, r.output_tokens, r.model, r.id)
                alive.add(record)
                most = max(most, len(alive))
                yield record
                del record

    result = build_index(Lazy(), tmp_path / "s", BagOfWords())
    assert result.manifest.rows == 600
    assert most <= 2 * 50 + 2


def test_vectors_and_rows_stay_side_by_side_across_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr(encoded_rows, "CHUNK_ROWS", 32)
    encoder = BagOfWords()
    history = topic_history(100)
    index = LengthIndex.load(
        build_index(history, tmp_path / "s", encoder).path, encoder=encoder, device="cpu"
    )
    stored = np.concatenate(list(index._vectors.stored_vectors()))
    assert np.abs(stored - encoder.encode([r.prompt for r in history])).max() < 1e-6
    assert [index.rows.id(i) for i in range(100)] == [r.id for r in history]
    assert index.rows.output_tokens.tolist() == [r.output_tokens for r in history]


def test_a_prompt_that_repeats_is_encoded_once():
    encoder = BagOfWords()
    vectors = encode_unique(encoder, ["a", "b", "a", "a"])
    assert encoder.encoded == 2
    assert (vectors[[0, 2, 3]] == vectors[0]).all()
    assert (vectors[1] != vectors[0]).any()


class NotFinite(BagOfWords):
    def encode(self, prompts):
        vectors = super().encode(prompts)
        vectors[3, 0] = np.nan
        return vectors


class Failing(BagOfWords):
    def encode(self, prompts):
        if self.encoded:
            raise RuntimeError("out of memory")
        return super().encode(prompts)


def test_an_encoder_that_gives_no_numbers_stops_the_build(tmp_path):
    with pytest.raises(EncoderError) as caught:
        build_index(topic_history(100), tmp_path / "s", NotFinite())
    assert str(caught.value) == (
        "encoder 'bag-of-words' gave no finite vector for the prompt of 'llm-3': "
        "expected finite numbers (--on-error skip leaves such rows out)"
    )
    assert contents(tmp_path / "s") == []


def test_a_row_without_a_vector_is_left_out_and_counted_where_bad_rows_are_skipped(tmp_path):
    options = BuildOptions(on_error="skip")
    built = build_index(topic_history(100), tmp_path / "s", NotFinite(), options)
    assert (built.manifest.rows, built.manifest.skipped_rows) == (99, 1)
    rows = LengthIndex.load(built.path, encoder=BagOfWords(), device="cpu").rows
    assert "llm-3" not in {rows.id(i) for i in range(99)}


def test_an_encoder_that_fails_in_the_middle_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(encoded_rows, "CHUNK_ROWS", 50)
    first = build_index(topic_history(60), tmp_path / "s", BagOfWords())
    with pytest.raises(RuntimeError, match="out of memory"):
        build_index(topic_history(100), tmp_path / "s", Failing())
    assert contents(tmp_path / "s") == ["CURRENT", "versions"]
    assert FolderStore(tmp_path / "s").versions() == [first.manifest.version]


@pytest.mark.parametrize("rows", [0, 19])
def test_too_small_a_history_is_refused(tmp_path, rows):
    with pytest.raises(InvalidInputError) as caught:
        build_index(topic_history(rows), tmp_path / "s", BagOfWords())
    assert str(caught.value) == (
        f"the history has {rows} usable rows: expected at least 20 to predict from"
    )
    assert contents(tmp_path / "s") == []


@pytest.mark.parametrize("rows", [20, 39, 41, 70])
def test_a_small_history_is_built_and_predicts(tmp_path, rows):
    encoder = BagOfWords()
    result = build_index(topic_history(rows), tmp_path / "s", encoder)
    index = LengthIndex.load(result.path, encoder=encoder, device="cpu")
    prompts = encoder.encode(["topic6-a topic6-b topic6-c"])
    assert len(index.search(prompts, []).rows) == 1
    assert (result.evaluation is None) == (rows < 40)


def test_with_the_packaged_encoder_like_prompts_get_like_lengths(tmp_path, encoder):
    asked = {"Translate into French: the word {}": 8, "Write an essay on the history of {}": 800}
    things = ["bread", "ships", "chess", "glass", "paper", "salt", "tea", "maps", "bees", "ink"]
    history = Source(
        HistoryRecord(form.format(thing), tokens + i)
        for form, tokens in asked.items()
        for i, thing in enumerate(things * 3)
    )
    built = build_index(history, tmp_path / "s", encoder)
    index = LengthIndex.load(built.path, encoder=encoder, device="cpu")
    short, long = index.predict([Query(form.format("computers")) for form in asked])
    assert short.median_tokens < 40
    assert long.median_tokens > 600


def test_a_single_artifact_cannot_be_built_over(tmp_path):
    path = build_index(topic_history(60), tmp_path / "s", BagOfWords()).path
    with pytest.raises(InvalidInputError, match="is a single artifact, not a store of versions"):
        build_index(topic_history(60), path, BagOfWords())


def test_what_the_reader_skipped_and_the_stages_are_told(tmp_path):
    told = []

    class Progress:
        def stage(self, name):
            told.append(name)

        def rows(self, count):
            told.append(count)

    result = build_index(
        topic_history(60),
        tmp_path / "s",
        BagOfWords(),
        skipped_rows=lambda: 7,
        progress=Progress(),
    )
    assert result.manifest.skipped_rows == 7
    assert told == ["encode", 60, "index", "calibrate"]


def test_the_stored_evaluation_is_beside_the_constant_predictor(tmp_path):
    evaluation = build_index(topic_history(400), tmp_path / "s", BagOfWords()).evaluation
    served, constant = (evaluation.metrics[n] for n in ("retrieval", "constant_median"))
    assert evaluation.predictor == "retrieval"
    assert served.mae < constant.mae / 2
    assert served.coverage_90 == pytest.approx(0.9, abs=0.08)


def test_the_stored_evaluation_leaves_cut_off_rows_out(tmp_path):
    history = Source(
        replace(r, finish_reason="length") if i % 4 == 0 else r
        for i, r in enumerate(topic_history(400))
    )
    evaluation = build_index(history, tmp_path / "s", BagOfWords()).evaluation
    assert evaluation.censored_rows == 100
    assert 100 < evaluation.metrics["retrieval"].rows < 200


LEVELS_TOO_FEW = (0.1, 0.5, 0.9)
LEVELS_FALLING = (0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.6, 0.8, 0.9)
LEVELS_OUTSIDE = (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
LEVELS_NO_NUMBER = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, float("nan"))


@pytest.mark.parametrize(
    "levels", [(), LEVELS_TOO_FEW, LEVELS_FALLING, LEVELS_OUTSIDE, LEVELS_NO_NUMBER]
)
def test_unusable_levels_are_refused(levels):
    with pytest.raises(InvalidInputError) as caught:
        BuildOptions(quantile_levels=levels)
    assert str(caught.value) == (
        f"quantile_levels is {levels}: expected at least 9 ascending levels from 0.01 to 0.99"
    )


def test_a_builder_killed_in_mid_build_leaves_the_store_as_it_was(tmp_path, script):
    store = FolderStore(tmp_path / "s")
    before = build_index(topic_history(60), store.root, BagOfWords()).manifest.version
    process = script(BUILDS_AND_WAITS, store.root)
    assert process.stdout.readline() == "building\n"
    process.kill()
    process.wait()
    assert store.versions() == [before]
    assert store.current() == before
    after = build_index(topic_history(60), store.root, BagOfWords()).manifest.version
    assert store.versions() == [before, after]
    assert contents(store.root) == ["CURRENT", "versions"]


def test_two_builders_on_one_store_both_end_well(tmp_path, script):
    store = FolderStore(tmp_path / "s")
    builders = [script(BUILDS_AND_WAITS, store.root) for _ in range(2)]
    for process in builders:
        assert process.stdout.readline() == "building\n"
    for process in builders:
        assert process.communicate("go\n") == ("built\n", "")
    assert len(store.versions()) == 2
    assert store.current() in store.versions()
    for version in store.versions():
        LengthIndex.load(store.path_of(version), encoder=BagOfWords(), device="cpu")


@pytest.mark.parametrize(
    ("limit", "letters"),
    [
        pytest.param(20_000, 0, id="vectors"),
        pytest.param(200 * 64 * 4, 0, id="faiss index"),
        pytest.param(60_000, 800, id="rows"),
    ],
)
def test_a_full_disk_publishes_nothing_and_leaves_nothing_behind(tmp_path, script, limit, letters):
    store = FolderStore(tmp_path / "s")
    before = build_index(topic_history(60), store.root, BagOfWords()).manifest.version
    said, errors = script(RUNS_OUT_OF_DISK, store.root, limit, letters).communicate()
    assert errors == ""
    assert said.startswith(f"the disk of {store.root} is full (")
    assert said.endswith(
        "make room and build again; nothing was published and the version in use is untouched\n"
    )
    assert store.versions() == [before]
    assert store.current() == before
    assert contents(store.root) == ["CURRENT", "versions"]
