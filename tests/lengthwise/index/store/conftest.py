"""The same place three times: a folder, fsspec's memory, and a real S3 interface."""

import secrets

import boto3
import numpy as np
import pytest
from moto.server import ThreadedMotoServer
from s3fs import S3FileSystem

from lengthwise.index.store import Published
from lengthwise.index.store.layout import ArtifactLayout, describe_files
from lengthwise.index.store.manifest import Manifest
from tests.lengthwise.index.fakes import BagOfWords, manifest_of


@pytest.fixture(scope="session")
def s3_endpoint():
    """A server of moto's, which speaks S3's protocol over HTTP and keeps objects in memory."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def s3_bucket(s3_endpoint, monkeypatch):
    """URL of a new bucket; the environment leads to it as an operator's does."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    # Whoever asks for S3 with the same options gets the same client, of another endpoint perhaps.
    S3FileSystem.clear_instance_cache()
    name = f"bucket-{secrets.token_hex(6)}"
    boto3.client("s3").create_bucket(Bucket=name)
    return f"s3://{name}"


@pytest.fixture(params=["folder", "memory", "s3"])
def url(request, tmp_path):
    """A place where nothing was published yet, as text."""
    if request.param == "folder":
        return str(tmp_path / "store")
    if request.param == "memory":
        return f"memory://{secrets.token_hex(6)}/indexes"
    return f"{request.getfixturevalue('s3_bucket')}/prefix/indexes"


@pytest.fixture
def place(url) -> Published:
    """The same, opened."""
    return Published.at(url)


@pytest.fixture
def artifact(tmp_path):
    """Makes folders that look like artifacts: every file, and a manifest that describes them."""

    def make(version, *, kilobytes=3, follows=None):
        folder = tmp_path / "made" / version
        folder.mkdir(parents=True)
        rng = np.random.default_rng(abs(hash(version)))
        for name in (*ArtifactLayout.CONTENT, "encoder/weights/part.bin"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(rng.bytes(1024 * kilobytes))
        layout = ArtifactLayout(folder)
        base = manifest_of(3, BagOfWords())
        values = {name: getattr(base, name) for name in base.__dataclass_fields__}
        values |= {"version": version, "files": describe_files(layout), "follows": follows}
        layout.manifest.write_text(Manifest(**values).to_json())
        return folder

    return make
