"""Training from the command line, as a user runs it."""

import json

import pytest
from typer.testing import CliRunner

from index_builder.cli import commands as cli
from index_builder.cli.student_options import StudentFlags, StudentRequest
from index_builder.distillation.student_choice import StudentOptions
from lengthwise.history.files import ReadOptions
from lengthwise.index.store.folder_store import resolve_artifact
from lengthwise.index.store.layout import ArtifactLayout, read_manifest
from tests.index_builder.cli.test_cli import write_history
from tests.lengthwise.index.fakes import topic_history


def run(*arguments):
    return CliRunner().invoke(cli.app, [str(a) for a in arguments])


def test_train_builds_an_index_that_evaluate_asks(tiny_model, tmp_path):
    learnt = write_history(tmp_path / "learnt.jsonl", topic_history(200))
    asked = write_history(tmp_path / "asked.jsonl", topic_history(60, seed=4))
    other = write_history(tmp_path / "other.jsonl", topic_history(120, seed=6, model="other"))
    store = tmp_path / "store"
    trained = run(
        *("train", "--history", learnt, "--learn-first", other, "--out", store),
        *("--encoder", tiny_model, "--epochs", 1, "--seed", 7, "--json"),
    )
    assert trained.exit_code == 0, trained.output
    facts = read_manifest(ArtifactLayout(resolve_artifact(store))).training
    assert facts is not None
    assert (facts.seed, facts.first_rows, facts.epochs) == (7, 120, 1)
    shown = run("inspect", "--index", store).stdout
    assert "after 120 of other LLMs" in " ".join(shown.split())
    asked_of = run("evaluate", "--index", store, "--history", asked, "--peers", "median", "--json")
    found = json.loads(asked_of.stdout)
    assert found["predictor"] == "trained"
    assert {"trained", "head_alone", "neighbours_alone", "median"} <= set(found)


def test_build_trains_only_when_told(tiny_model, tmp_path):
    learnt = write_history(tmp_path / "learnt.jsonl", topic_history(200))
    for flags, training in ((["--train", "--epochs", 1], True), ([], False)):
        built = run(
            *("build", "--history", learnt, "--out", tmp_path / "store"),
            *("--encoder", tiny_model, "--json", *flags),
        )
        assert built.exit_code == 0, built.output
        manifest = read_manifest(ArtifactLayout(resolve_artifact(tmp_path / "store")))
        assert (manifest.training is not None) == training


def test_histories_to_learn_first_without_training_are_refused(tmp_path):
    learnt = write_history(tmp_path / "learnt.jsonl", topic_history(30))
    refused = run(
        *("build", "--history", learnt, "--learn-first", learnt, "--out", tmp_path / "store")
    )
    assert refused.exit_code != 0
    assert "--learn-first is for training: give --train as well" in str(refused.exception)


def test_train_ends_with_a_smaller_encoder_that_inspect_names(tiny_model, tmp_path):
    learnt = write_history(tmp_path / "learnt.jsonl", topic_history(200))
    more = tmp_path / "more.jsonl"
    more.write_text(json.dumps({"prompt": "a prompt without a length"}) + "\n")
    trained = run(
        *("train", "--history", learnt, "--out", tmp_path / "store", "--encoder", tiny_model),
        *("--epochs", 1, "--layers", 1, "--unlabelled", more, "--json"),
    )
    assert trained.exit_code == 0, trained.output
    facts = read_manifest(ArtifactLayout(resolve_artifact(tmp_path / "store"))).training
    assert (facts.student.layers, facts.student.unlabelled_rows) == (1, 1)
    shown = run("inspect", "--index", tmp_path / "store").stdout
    assert "then 1 of its layers" in " ".join(shown.split())


def request(**given):
    """A smaller encoder as these options ask for it, nothing else given."""
    return StudentRequest.from_flags(StudentFlags(**given), ReadOptions())


def test_who_brings_prompts_without_lengths_gets_the_smallest_encoder_that_is_as_good(tmp_path):
    more = tmp_path / "more.jsonl"
    more.write_text(json.dumps({"prompt": "a prompt without a length"}) + "\n")
    assert request(unlabelled=[str(more)]).options == StudentOptions()
    pooling = request(unlabelled=[str(more)], pooling_layer=True)
    assert pooling.options == StudentOptions(pooling_layer=True)
    narrow = request(layers=2, feed_forward=384)
    assert narrow.options == StudentOptions(layers=2, feed_forward=384)
    # Beside a first tier they are for that, and the encoder stays.
    assert request(unlabelled=[str(more)], cascade_loss=0.01).options is None
    assert request().options is None


@pytest.mark.parametrize(
    ("command", "flags", "message"),
    [
        ("train", ("--static", "--layers", 2), "--layers and --static: expected one of them"),
        ("train", ("--smallest", "--target-speed", 3), "--smallest and --target-speed: expected"),
        ("train", ("--pooling-layer",), "--pooling-layer needs --layers, --smallest or"),
        ("train", ("--feed-forward", 384), "--feed-forward needs --layers, --smallest or"),
        ("train", ("--static", "--pooling-layer"), "--pooling-layer needs --layers, --smallest or"),
        ("build", ("--static",), "come of a training: give --train as well"),
    ],
)
def test_a_smaller_encoder_that_cannot_be_asked_for_so_is_refused(
    tmp_path, command, flags, message
):
    learnt = write_history(tmp_path / "learnt.jsonl", topic_history(30))
    refused = run(command, "--history", learnt, "--out", tmp_path / "store", *flags)
    assert refused.exit_code != 0
    assert message in str(refused.exception)
