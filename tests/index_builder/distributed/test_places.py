"""Histories and parts behind URLs, as pyarrow opens them."""

import threading
import uuid

import pytest
from moto.server import ThreadedMotoServer
from pyarrow import fs

from index_builder.distributed.place import Place
from index_builder.distributed.plan import EncodePlan
from lengthwise.history.files import ReadOptions
from lengthwise.history.files.errors import HistoryReadError
from lengthwise.index.errors import StoreError
from tests.index_builder.distributed.encodings import built_of_parts, encode, plan_of, write_history


@pytest.fixture
def bucket(monkeypatch):
    """URL of a folder in an S3 of this machine, and what stands after its "?"."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    query = f"?scheme=http&endpoint_override={host}:{port}&region=us-east-1"
    name = f"bucket-{uuid.uuid4()}"  # moto's buckets outlive its server
    files, _ = fs.FileSystem.from_uri(f"s3://{name}{query}&allow_bucket_creation=true")
    files.create_dir(name)
    yield lambda path: f"s3://{name}/{path}{query}"
    server.stop()


def test_a_history_in_s3_gives_the_parts_that_it_gives_here(tmp_path, bucket):
    history = write_history(tmp_path / "history")
    remote = Place.at(bucket("logs"))
    for path in sorted(history.iterdir()):
        remote.write(path.name, path.read_bytes())
    remote.write("_SUCCESS", b"")
    encode(plan_of(history), tmp_path / "parts")
    encode(plan_of(bucket("logs")), bucket("parts"))
    expected = built_of_parts(tmp_path / "parts", tmp_path / "here")
    assert built_of_parts(bucket("parts"), tmp_path / "there") == expected


def test_an_encoding_in_s3_goes_on_where_it_stopped(tmp_path, bucket):
    history = write_history(tmp_path / "history")
    assert encode(plan_of(history), bucket("parts")) == (120, 120)
    assert encode(plan_of(history), bucket("parts")) == (120, 0)


def test_a_url_without_a_history_says_so(bucket):
    with pytest.raises(HistoryReadError, match="no file ends in"):
        EncodePlan.from_sources([bucket("nothing")], ReadOptions(), "encoder")


def test_a_url_of_an_unknown_kind_says_what_is_expected():
    with pytest.raises(StoreError, match="expected a folder, or a URL that pyarrow reads"):
        Place.at("nowhere://bucket/prefix")


def test_a_file_that_is_written_is_seen_whole_or_not_at_all(tmp_path):
    place = Place.at(str(tmp_path))
    seen: set[int] = set()
    done = threading.Event()

    def look():
        while not done.is_set():
            content = place.read("file")
            seen.add(0 if content is None else content.size)

    looking = threading.Thread(target=look)
    looking.start()
    for _ in range(50):
        place.write("file", bytes(1 << 20))
    done.set()
    looking.join()
    assert seen <= {0, 1 << 20}
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
