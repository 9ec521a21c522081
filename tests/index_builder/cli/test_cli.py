"""`python -m index_builder`: every command, with the packaged encoder and real files."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from index_builder import __main__ as main_module
from index_builder.cli import commands as cli
from index_builder.cli import evaluate_command
from tests.lengthwise.history.files.logs.examples import LOGS
from tests.lengthwise.history.files.logs.examples.serving import AIPERF_INPUTS
from tests.lengthwise.index.fakes import BagOfWords, topic_history

ROOT = Path(__file__).parents[3]
PREDICTOR_KEYS = {
    "rows",
    "kendall_tau_b",
    "spearman",
    "mae",
    "median_ae",
    "within_50",
    "within_100",
    "coverage_50",
    "coverage_90",
    "width_50",
    "width_90",
    "class_accuracy",
    "shortest_first_gain",
}


def write_history(path, records, **extra):
    lines = [
        {"id": r.id, "prompt": r.prompt, "output_tokens": r.output_tokens, "model": r.model}
        for r in records
    ]
    path.write_text("".join(json.dumps({**line, **extra}) + "\n" for line in lines))
    return path


@pytest.fixture(scope="module")
def fake_encoder():
    """Commands load the fake encoder, whatever they are asked for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate_command, "load_encoder", lambda *_, **__: BagOfWords())
        patch.setattr("index_builder.cli.build_job.load_encoder", lambda *_, **__: BagOfWords())
        patch.setattr("lengthwise.index.index.load_encoder", lambda *_, **__: BagOfWords())
        yield


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    return write_history(tmp_path_factory.mktemp("history") / "h.jsonl", topic_history(300))


@pytest.fixture(scope="module")
def store(tmp_path_factory, history, fake_encoder):
    """A store of two versions that no test changes."""
    out = tmp_path_factory.mktemp("built") / "store"
    for _ in range(2):
        assert ok("build", "--history", history, "--out", out)
    return out


@pytest.fixture
def spare_store(tmp_path, history, fake_encoder):
    """A store of two versions to change."""
    for _ in range(2):
        assert ok("build", "--history", history, "--out", tmp_path / "store")
    return tmp_path / "store"


def ok(*arguments):
    """Run a command that is to succeed; give what it printed."""
    result = CliRunner().invoke(cli.app, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def failure(monkeypatch, capsys, *arguments):
    """Run a command as a program; give its exit code and what it wrote to the error stream."""
    monkeypatch.setattr(sys, "argv", ["index_builder", *map(str, arguments)])
    with pytest.raises(SystemExit) as caught:
        main_module.main()
    message = capsys.readouterr().err
    if isinstance(caught.value.code, str):
        return 1, caught.value.code
    return caught.value.code, message


def test_as_a_program_it_ends_with_one_line_and_no_traceback(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "index_builder", "inspect", "--index", str(tmp_path / "none")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        f"error: {tmp_path}/none is not a folder: expected an index artifact or store\n"
    )


def test_build_tells_the_version_it_made_current(store, history, tmp_path, fake_encoder):
    made = json.loads(ok("build", "--history", history, "--out", tmp_path / "s", "--json"))
    assert made["path"] == str(tmp_path / "s" / "versions" / made["version"])
    assert made["rows"] == 300
    assert made["evaluation"]["predictor"] == "retrieval"


def test_evaluate_json_has_every_predictor_under_its_name(store, history):
    found = json.loads(ok("evaluate", "--index", store, "--history", history, "--json"))
    assert found["predictor"] == "retrieval"
    assert set(found["retrieval"]) == set(found["constant_median"]) == PREDICTOR_KEYS
    assert found["rows"] == found["retrieval"]["rows"] == 300
    assert found["seen_prompts"] == 300
    assert found["index_version"] in {p.name for p in (store / "versions").iterdir()}


def test_evaluate_gives_the_noise_ceiling_where_rows_hold_draws(store, tmp_path):
    history = write_history(tmp_path / "d.jsonl", topic_history(30), samples=[5, 50, 500])
    found = json.loads(ok("evaluate", "--index", store, "--history", history, "--json"))
    assert set(found["another_draw"]) == set(found["mean_of_other_draws"]) == PREDICTOR_KEYS


def test_evaluate_prints_a_table_and_writes_the_json_beside_it(store, history, tmp_path):
    out = tmp_path / "evaluation.json"
    printed = ok("evaluate", "--index", store, "--history", history, "--output", out)
    assert "retrieval (served)" in printed
    assert "constant median" in printed
    assert json.loads(out.read_text())["predictor"] == "retrieval"


def test_evaluate_prints_the_cheap_baselines_unless_told_otherwise(store, history):
    printed = ok("evaluate", "--index", store, "--history", history)
    found = json.loads(ok("evaluate", "--index", store, "--history", history, "--json"))
    for name in ("median", "lexical", "alise"):
        assert any(line.strip().startswith(f"{name} ") for line in printed.splitlines())
        assert set(found[name]) == PREDICTOR_KEYS
        assert found[name]["rows"] == 300
    assert "ssjf-l1" not in found


@pytest.mark.parametrize(
    ("option", "wanted", "names"),
    [
        ("--peers", "none", set()),
        ("--peers", "lexical,median", {"lexical", "median"}),
        ("--baselines", "median", {"median"}),
    ],
)
def test_evaluate_asks_the_baselines_that_are_named(store, history, option, wanted, names):
    asked = ("evaluate", "--index", store, "--history", history, option, wanted, "--json")
    found = json.loads(ok(*asked))
    assert {name for name in ("median", "lexical", "alise") if name in found} == names


def test_evaluate_of_an_index_without_prompts_says_that_baselines_are_left_out(
    history, tmp_path, fake_encoder
):
    ok("build", "--history", history, "--out", tmp_path / "s", "--no-keep-text")
    asked = ("evaluate", "--index", tmp_path / "s", "--history", history)
    assert "alise" not in json.loads(ok(*asked, "--json"))
    assert "median, lexical, alise left out" in ok(*asked)


def test_evaluate_tells_accuracy_by_llm_and_coverage_by_predicted_length(store, history):
    found = json.loads(ok("evaluate", "--index", store, "--history", history, "--json"))
    assert set(found["by_model"]) == {"llm"}
    assert set(found["by_model"]["llm"]) == {"rows", "kendall_tau_b", "mae", "coverage_90"}
    assert found["by_model"]["llm"]["rows"] == 300
    assert len(found["coverage_90_by_decile"]) == 10


def test_the_table_of_an_evaluation_fits_a_terminal_of_80_columns(store, tmp_path):
    history = write_history(tmp_path / "d.jsonl", topic_history(30), samples=[5, 50, 500])
    printed = ok("evaluate", "--index", store, "--history", history)
    assert "…" not in printed
    assert "tau-b" in printed


def test_evaluate_without_an_index_holds_a_share_of_the_history_out(history, fake_encoder):
    found = json.loads(ok("evaluate", "--history", history, "--holdout", "0.3", "--json"))
    assert 50 < found["rows"] < 130
    assert found["seen_prompts"] == 0
    assert found["protocol"].startswith(f"built from {300 - found['rows']} rows")


def test_a_split_keeps_the_rows_of_one_group_together(tmp_path, fake_encoder):
    # Each group is 30 rows of one prompt in other words: were it split, lengths would be known.
    rows = [
        {"prompt": f"only{g} this{g} w{i}", "output_tokens": 10 + 977 * g % 911, "group": f"g{g}"}
        for g in range(30)
        for i in range(30)
    ]
    path = tmp_path / "g.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    together = json.loads(ok("evaluate", "--history", path, "--json"))
    assert together["rows"] % 30 == 0
    assert together["retrieval"]["mae"] > 100
    split = json.loads(ok("evaluate", "--history", path, "--group-column", "", "--json"))
    assert split["rows"] % 30 != 0
    assert split["retrieval"]["mae"] < 20


def test_inspect_shows_what_an_artifact_holds(store):
    content = json.loads(ok("inspect", "--index", store, "--json"))
    assert content["rows"] == 300
    assert content["schema_version"] == 2
    assert [m["model"] for m in content["models"]] == ["llm"]
    assert content["evaluation"]["predictor"] == "retrieval"
    printed = ok("inspect", "--index", store)
    assert "bag-of-words (64 dimensions)" in printed
    assert "flat: exact" in printed
    assert "none: every prompt is encoded" in printed


def test_inspect_of_a_history_too_small_to_evaluate_shows_no_table(tmp_path, fake_encoder):
    history = write_history(tmp_path / "h.jsonl", topic_history(25))
    ok("build", "--history", history, "--out", tmp_path / "s")
    assert "retrieval" not in ok("inspect", "--index", tmp_path / "s")
    assert json.loads(ok("inspect", "--index", tmp_path / "s", "--json"))["evaluation"] == {}


def test_versions_use_and_rollback_move_what_is_current(spare_store):
    listed = json.loads(ok("versions", "--index", spare_store, "--json"))
    old, new = listed["versions"]
    assert listed["current"] == new
    assert ok("rollback", "--index", spare_store) == f"{old} is current\n"
    assert ok("versions", "--index", spare_store) == f"* {old}\n  {new}\n"
    assert ok("use", new, "--index", spare_store) == f"{new} is current\n"
    assert json.loads(ok("versions", "--index", spare_store, "--json"))["current"] == new


def test_a_store_may_be_a_url(spare_store, monkeypatch, capsys):
    url = spare_store.resolve().as_uri()
    assert ok("versions", "--index", url) == ok("versions", "--index", spare_store)
    code, message = failure(monkeypatch, capsys, "rollback", "--index", "memory://nothing-there")
    assert code == 1
    assert "nothing to roll back to" in message


def test_reading_options_reach_the_reader(tmp_path, fake_encoder):
    rows = [{"q": f"topic{i % 8}-a w{i}", "n": 20 + i} for i in range(40)]
    path = tmp_path / "h.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + "{broken\n")
    made = json.loads(
        ok(
            *("build", "--history", path, "--out", tmp_path / "s", "--json"),
            *("--prompt-column", "q", "--output-tokens-column", "n", "--on-error", "skip"),
        )
    )
    assert made["rows"] == 40
    assert json.loads(ok("inspect", "--index", tmp_path / "s", "--json"))["skipped_rows"] == 1


def test_levels_can_be_chosen(history, tmp_path, fake_encoder):
    levels = "0.01,0.1,0.2,0.3,0.5,0.7,0.8,0.9,0.99"
    ok("build", "--history", history, "--out", tmp_path / "s", "--quantile-levels", levels)
    content = json.loads(ok("inspect", "--index", tmp_path / "s", "--json"))
    assert content["quantile_levels"] == [float(level) for level in levels.split(",")]


BUILD = ("build", "--history", "{history}", "--out", "{tmp}/s")
BAD = {
    "levels that are no numbers": (
        (*BUILD, "--quantile-levels", "a,b"),
        "--quantile-levels is 'a,b': expected numbers with commas between, as in 0.05,0.5",
    ),
    "too few levels": (
        (*BUILD, "--quantile-levels", "0.1,0.5"),
        "quantile_levels is (0.1, 0.5): expected at least 9 ascending levels from 0.01 to 0.99",
    ),
    "an unknown column": (
        (*BUILD, "--prompt-column", "question"),
        "'question'",
    ),
    "a missing file": (
        ("build", "--history", "{tmp}/none.jsonl", "--out", "{tmp}/s"),
        "{tmp}/none.jsonl",
    ),
    "a bad policy": (
        (*BUILD, "--on-error", "ignore"),
        "on_error is 'ignore': expected 'stop' or 'skip'",
    ),
    "a history cut off in a line": (
        ("build", "--history", "{cut}", "--out", "{tmp}/s"),
        "{cut}, line 3: ",
    ),
    "no share to hold out": (
        ("evaluate", "--history", "{history}", "--holdout", "1.5"),
        "holdout is 1.5: expected a share between 0 and 1",
    ),
    "a baseline that does not exist": (
        ("evaluate", "--history", "{history}", "--peers", "oracle"),
        "baselines is 'oracle': expected cheap, all, none, or names with commas between out of",
    ),
    "nowhere to write": (
        ("evaluate", "--history", "{history}", "--output", "{tmp}/no/where.json"),
        "--output is {tmp}/no/where.json: expected a file in a folder that exists",
    ),
    "no index": (
        ("inspect", "--index", "{tmp}/none"),
        "{tmp}/none is not a folder: expected an index artifact or store",
    ),
    "a file as index": (
        ("inspect", "--index", "{history}"),
        "{history} is not a folder: expected an index artifact or store",
    ),
    "an unknown version": (
        ("use", "v9", "--index", "{tmp}"),
        "{tmp} has no version 'v9': expected one of []",
    ),
    "nothing to roll back to": (
        ("rollback", "--index", "{tmp}"),
        "{tmp} has no version before None: nothing to roll back to",
    ),
}


@pytest.mark.usefixtures("fake_encoder")
@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_done_is_one_line_that_says_why(
    case, history, tmp_path, monkeypatch, capsys
):
    cut = tmp_path / "cut.jsonl"
    cut.write_text('{"prompt": "a", "output_tokens": 1}\n' * 2 + '{"prompt": "a", "outp')
    arguments, expected = BAD[case]
    names = {"history": history, "tmp": tmp_path, "cut": cut}
    code, message = failure(monkeypatch, capsys, *(a.format(**names) for a in arguments))
    assert code == 1
    assert message.startswith("error: ")
    assert expected.format(**names) in message
    assert "\n" not in message
    assert not (tmp_path / "s" / "versions").exists()


@pytest.mark.parametrize(
    "arguments", [("build", "--out", "s"), ("build", "--history", "h", "--colour", "blue")]
)
def test_a_wrong_command_line_exits_with_2_and_shows_the_usage(monkeypatch, capsys, arguments):
    code, message = failure(monkeypatch, capsys, *arguments)
    assert code == 2
    assert "Usage" in message


@pytest.mark.parametrize("command", ["build", "evaluate"])
def test_every_way_of_reading_is_an_option_with_help(command):
    printed = CliRunner().invoke(cli.app, [command, "--help"], env={"COLUMNS": "200"}).stdout
    for option in ("--prompt-column", "--group-regex", "--tokenizer", "--on-error"):
        assert option in printed


ALONE = {log.name: log for log in LOGS if not (log.answers or log.options) or log.name == "aiperf"}
"""Tools whose log needs no other file named, by their format; AIPerf writes it beside its own."""


def test_most_tools_logs_need_no_other_option():
    assert len(ALONE) >= 10


def ten_times(log):
    """Its rows again and again: an index wants twenty."""
    if log.suffix != ".json":
        return [*log.rows] * 10
    report = json.loads(json.dumps(log.rows[0]))
    report["benchmarks"][0]["requests"]["successful"] *= 10
    return [report]


@pytest.mark.parametrize("log", ALONE.values(), ids=ALONE)
def test_a_tools_log_is_built_from_as_it_is(tmp_path, fake_encoder, log):
    path, _ = log.write(tmp_path, ten_times(log))
    (tmp_path / "inputs.json").write_text(json.dumps(AIPERF_INPUTS))
    ok("build", "--history", path, "--out", tmp_path / "store")
    assert json.loads(ok("inspect", "--index", tmp_path / "store", "--json"))["rows"] == 20
