"""An artifact on disk: checked file by file before it is used."""

import json
import shutil

import pytest

from index_builder.build.builder import BuildOptions, build_index
from lengthwise.index.errors import (
    ArtifactAlteredError,
    ArtifactIncompleteError,
    EncoderMismatchError,
    SchemaMismatchError,
)
from lengthwise.index.estimate.estimate import Query
from lengthwise.index.index import LengthIndex
from lengthwise.index.store.layout import ArtifactLayout, read_manifest
from tests.lengthwise.index.fakes import BagOfWords, topic_history


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """An artifact that no test changes."""
    out = tmp_path_factory.mktemp("artifact") / "store"
    return build_index(topic_history(200), out, BagOfWords()).path


@pytest.fixture
def artifact(built, tmp_path):
    """A copy of it to spoil."""
    return shutil.copytree(built, tmp_path / "artifact")


def load(path, **encoder):
    return LengthIndex.load(path, encoder=BagOfWords(**encoder), device="cpu")


def edit_manifest(artifact, **changes):
    path = artifact / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_it_predicts_after_a_round_trip(built):
    index = load(built)
    estimate = index.predict([Query("topic3-a topic3-b topic3-c")])[0]
    assert estimate.median_tokens == pytest.approx(160, rel=0.4)
    assert index.version == built.name


def test_it_holds_the_files_that_its_manifest_lists(built):
    assert ArtifactLayout(built).files() == sorted(ArtifactLayout.CONTENT)
    assert (built / "manifest.json").is_file()


def test_its_manifest_says_what_it_is(built):
    manifest = read_manifest(ArtifactLayout(built))
    assert manifest.schema_version == 2
    assert manifest.encoder.name == "bag-of-words"
    assert manifest.encoder.dimension == 64
    assert manifest.metric == "cosine"
    assert manifest.rows == 200
    assert manifest.data_fingerprint == "f1n9e5"
    assert set(manifest.files) == set(ArtifactLayout.CONTENT)


@pytest.mark.parametrize("name", ArtifactLayout.CONTENT)
def test_a_missing_file_is_named(artifact, name):
    (artifact / name).unlink()
    with pytest.raises(ArtifactIncompleteError) as caught:
        load(artifact)
    assert str(caught.value) == (
        f"{artifact / name} is missing: the artifact needs vectors.faiss, rows.parquet, "
        "calibration.json, evaluation.json. Restore the file or build the index again"
    )


def test_a_missing_manifest_says_how_to_make_an_artifact(artifact):
    (artifact / "manifest.json").unlink()
    with pytest.raises(ArtifactIncompleteError) as caught:
        read_manifest(ArtifactLayout(artifact))
    assert str(caught.value) == (
        f"{artifact} holds no manifest.json: expected an artifact written by python -m "
        f"index_builder build --out {artifact}"
    )


@pytest.mark.parametrize("name", ArtifactLayout.CONTENT)
def test_one_altered_byte_is_noticed(artifact, name):
    data = bytearray((artifact / name).read_bytes())
    data[len(data) // 2] ^= 1
    (artifact / name).write_bytes(data)
    with pytest.raises(ArtifactAlteredError) as caught:
        load(artifact)
    assert str(caught.value) == (
        f"{artifact / name} is not the file that the manifest describes (its SHA-256 differs): it "
        "was altered. Restore the file or build the index again"
    )


def test_a_truncated_file_is_noticed_with_both_sizes(artifact):
    path = artifact / "vectors.faiss"
    whole = path.stat().st_size
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ArtifactAlteredError) as caught:
        load(artifact)
    assert str(caught.value) == (
        f"{path} has 1,000 bytes, the manifest says {whole}: it was altered or cut off. Restore "
        "the file or build the index again"
    )


def test_another_schema_says_what_to_do(artifact):
    edit_manifest(artifact, schema_version=99)
    with pytest.raises(SchemaMismatchError) as caught:
        load(artifact)
    assert str(caught.value) == (
        f"{artifact}/manifest.json has schema version 99; this Lengthwise reads version 2. Build "
        "the index again with: python -m index_builder build"
    )


def test_another_encoder_is_refused_with_both_hashes(artifact):
    with pytest.raises(EncoderMismatchError) as caught:
        load(artifact, content_hash="0ther" * 5)
    assert str(caught.value) == (
        "the index was built with encoder 'bag-of-words' (64 dimensions, hash b0wb0wb0wb0w), but "
        "'bag-of-words' has 64 dimensions and hash 0ther0ther0t: their vectors cannot be compared. "
        "Give the same encoder or build the index again"
    )


def test_an_encoder_of_another_dimension_is_refused(artifact):
    with pytest.raises(EncoderMismatchError, match=r"\(64 dimensions.* has 32 dimensions"):
        load(artifact, dimension=32)


@pytest.mark.parametrize(
    "content",
    [b"{", b"[]", b"\xff\xfe", b'{"schema_version": 2}', b'{"schema_version": 2, "encoder": 3}'],
)
def test_a_manifest_that_is_none_is_an_altered_artifact(artifact, content):
    (artifact / "manifest.json").write_bytes(content)
    with pytest.raises(ArtifactAlteredError, match=r"manifest\.json is not a manifest: "):
        load(artifact)


def test_a_manifest_with_unknown_facts_is_an_altered_artifact(artifact):
    edit_manifest(artifact, colour="blue")
    with pytest.raises(ArtifactAlteredError, match="colour"):
        load(artifact)


def test_a_number_of_rows_that_is_not_the_manifests_is_noticed(artifact):
    edit_manifest(artifact, rows=7)
    with pytest.raises(ArtifactAlteredError) as caught:
        load(artifact)
    assert str(caught.value) == (
        f"{artifact} holds 200 vectors and 200 rows, its manifest says 7: build the index again"
    )


def test_without_text_neighbours_have_ids_alone(tmp_path):
    options = BuildOptions(keep_text=False)
    path = build_index(topic_history(60), tmp_path / "s", BagOfWords(), options).path
    assert b"topic3-a" not in (path / "rows.parquet").read_bytes()
    query = Query("topic3-a", neighbour_count=1, include_neighbour_text=True)
    neighbour = load(path).predict([query])[0].neighbours[0]
    assert neighbour.text == ""
    assert neighbour.id.startswith("llm-")
