"""A build on Ray: the same artifact as here, whichever worker dies."""

import os
import signal
from pathlib import Path

import pytest

from index_builder.build.builder import build_index
from index_builder.build.progress import SilentProgress
from index_builder.distributed import ray_engine
from index_builder.distributed.encode_job import encode_history
from index_builder.distributed.place import Place
from index_builder.distributed.plan import EncodePlan, SourceFile
from index_builder.distributed.ray_engine import EncodingActor, RayEngine
from lengthwise.errors import LengthwiseError
from lengthwise.history.files import History, ReadOptions
from lengthwise.index.encoder.encoder import load_encoder
from tests.index_builder.distributed.encodings import built_of_parts, digests, write_history
from tests.lengthwise.index.tiny_bert import save_tiny_bert

WORDS = [f"topic{t}-{part}" for t in range(8) for part in "abc"]
WORDS += [f"filler{number}" for number in range(100)]
"""All that the prompts of a history are made of."""


class DiesOnce(EncodingActor):
    """Is killed when it is asked for its second stripe, if none of its kind was before."""

    calls = 0

    def __call__(self, batch):
        self.calls += 1
        mark = Path(os.environ["LENGTHWISE_TEST_MARK"])
        if self.calls == 2 and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(batch)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("encoder")
    return str(save_tiny_bert(folder, pooling="mean", words=WORDS))


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    return write_history(tmp_path_factory.mktemp("history"), rows=200, files=4)


@pytest.fixture(scope="module")
def mark(tmp_path_factory):
    return tmp_path_factory.mktemp("mark") / "died"


@pytest.fixture(scope="module", autouse=True)
def cluster(mark):
    """One Ray for all tests here; its workers inherit the variables."""
    os.environ["LENGTHWISE_TEST_MARK"] = str(mark)
    with RayEngine(workers_wanted=1).running():
        yield
    del os.environ["LENGTHWISE_TEST_MARK"]


def plan_of(history, encoder, **options):
    return EncodePlan.from_sources([str(history)], ReadOptions(), encoder, **options)


def encode(plan, parts, engine=None):
    done = encode_history(
        plan, Place.at(str(parts)), engine or RayEngine(workers_wanted=1), SilentProgress()
    )
    return done.rows, done.encoded_rows


@pytest.fixture(scope="module")
def local(history, encoder, tmp_path_factory):
    """What a build of this machine makes of the history."""
    out = tmp_path_factory.mktemp("local")
    return digests(build_index(History.from_paths(history), out, load_encoder(encoder)).path)


def test_a_build_on_ray_makes_what_a_local_build_makes(tmp_path, history, encoder, local):
    assert encode(plan_of(history, encoder), tmp_path / "parts") == (200, 200)
    assert built_of_parts(tmp_path / "parts", tmp_path / "out") == local


def test_a_worker_that_is_killed_changes_nothing(tmp_path, history, encoder, local, mark):
    engine = RayEngine(workers_wanted=1, actor=DiesOnce)
    assert encode(plan_of(history, encoder), tmp_path / "parts", engine) == (200, 200)
    assert mark.exists(), "no worker died"
    assert built_of_parts(tmp_path / "parts", tmp_path / "out") == local


def test_a_bad_row_ends_it_with_the_words_of_a_local_build(tmp_path, encoder):
    history = write_history(tmp_path / "history")
    with (history / "day-1.jsonl").open("a") as file:
        file.write('{"prompt": "no length"}\n')
    with pytest.raises(LengthwiseError, match=r"day-1\.jsonl, line 41: no output length"):
        encode(plan_of(history, encoder), tmp_path / "parts")


def test_an_encoder_that_cannot_be_loaded_ends_it_at_once(tmp_path, history):
    (tmp_path / "empty").mkdir()
    with pytest.raises(LengthwiseError, match="cannot be loaded"):
        encode(plan_of(history, str(tmp_path / "empty")), tmp_path / "parts")


def test_large_histories_are_counted_by_the_workers(tmp_path, history, encoder, monkeypatch):
    monkeypatch.setattr(ray_engine, "COUNTED_HERE_BYTES", 0)
    rows, _ = encode(plan_of(history, encoder, keep_per_model=50), tmp_path / "parts")
    assert 35 <= rows <= 65


def test_a_file_that_workers_do_not_find_ends_it(tmp_path, encoder):
    plan = EncodePlan((SourceFile(str(tmp_path / "gone.jsonl"), 5),), ReadOptions(), encoder)
    with pytest.raises(LengthwiseError, match="workers need it under the same path"):
        encode(plan, tmp_path / "parts")
