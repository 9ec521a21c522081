"""`encode`, and `build` of what it has written."""

import json

import pytest
from typer.testing import CliRunner

from index_builder.cli.commands import app
from lengthwise.index.errors import InvalidInputError
from tests.index_builder.distributed.encodings import digests, write_history
from tests.lengthwise.index.tiny_bert import save_tiny_bert

WORDS = [f"topic{t}-{part}" for t in range(8) for part in "abc"]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("encoder")
    return str(save_tiny_bert(folder, pooling="mean", words=WORDS))


@pytest.fixture
def history(tmp_path):
    return str(write_history(tmp_path / "history"))


def run(*arguments):
    done = CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=False)
    return json.loads(done.stdout)


def test_encode_and_build_make_what_build_makes(tmp_path, history, encoder):
    parts, out, local = (str(tmp_path / name) for name in ("parts", "out", "local"))
    encoded = run("encode", "--history", history, "--out", parts, "--encoder", encoder)
    assert encoded == {"path": parts, "rows": 120, "encoded_rows": 120}
    built = run("build", "--encoded", parts, "--out", out)
    expected = run("build", "--history", history, "--out", local, "--encoder", encoder)
    assert built["rows"] == expected["rows"] == 120
    [version] = (tmp_path / "out" / "versions").iterdir()
    [other] = (tmp_path / "local" / "versions").iterdir()
    assert digests(version) == digests(other)


def test_encode_goes_on_where_it_stopped_and_says_so(tmp_path, history, encoder):
    arguments = ["encode", "--history", history, "--encoder", encoder]
    parts = tmp_path / "parts"
    run(*arguments, "--out", str(parts))
    min((parts / "parts").iterdir()).unlink()
    done = CliRunner().invoke(app, [*arguments, "--out", str(parts)], catch_exceptions=False)
    assert "120 rows are encoded, 80 of them before" in done.stdout


def test_a_build_without_prompts_can_be_made_of_parts(tmp_path, history, encoder):
    parts, out = tmp_path / "parts", tmp_path / "out"
    run("encode", "--history", history, "--out", str(parts), "--encoder", encoder)
    run("build", "--encoded", str(parts), "--out", str(out), "--no-keep-text")
    [version] = (out / "versions").iterdir()
    assert not json.loads((version / "manifest.json").read_text())["keeps_text"]
    assert b"topic0-a" not in (version / "rows.parquet").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--history", "h", "--encoded", "p"], "is for --engine ray"),
        (["--history", "h", "--workers", "2"], "is for --engine ray"),
        (["--history", "h", "--keep-per-model", "5"], "is for --engine ray"),
        (["--history", "h", "--engine", "ray", "--train"], "--train is not for --engine ray"),
    ],
)
def test_options_that_do_not_go_together_say_so(tmp_path, arguments, said):
    command = ["build", "--out", str(tmp_path / "out"), *arguments]
    with pytest.raises(InvalidInputError, match=said):
        CliRunner().invoke(app, command, catch_exceptions=False)


def test_a_local_build_takes_no_url(history):
    command = ["build", "--out", "s3://bucket/index", "--history", history]
    with pytest.raises(InvalidInputError, match="expected a folder"):
        CliRunner().invoke(app, command, catch_exceptions=False)
