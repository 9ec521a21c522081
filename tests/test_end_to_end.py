"""The commands of the README, word for word, as processes of their own."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from demo.sample_history import write_sample_history

ENVIRONMENT = {**os.environ, "HF_HUB_OFFLINE": "1"}


def run(*arguments: str, expect: int = 0) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        timeout=300,
        check=False,
    )
    assert done.returncode == expect, f"{arguments}:\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def history(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("history") / "history.jsonl.gz"
    write_sample_history(path, rows=600, seed=1)
    return path


@pytest.fixture(scope="module")
def index(history, tmp_path_factory) -> Path:
    store = tmp_path_factory.mktemp("store") / "index"
    run("index_builder", "build", "--history", str(history), "--out", str(store))
    return store


@pytest.fixture(scope="module")
def service(index, tmp_path_factory):
    folder = tmp_path_factory.mktemp("service")
    port_file = folder / "port"
    command = ["predictor_service", "--index", str(index), "--port", "0"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *command, "--port-file", str(port_file)],
            stdout=log,
            stderr=log,
            env=ENVIRONMENT,
        )
        try:
            deadline = time.monotonic() + 120
            while not port_file.exists():
                assert process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < deadline, "the service did not start"
                time.sleep(0.1)
            yield process, f"127.0.0.1:{port_file.read_text().strip()}"
        finally:
            process.kill()
            process.wait()


def test_evaluate_prints_json_alone_with_each_predictor_under_its_name(index, tmp_path):
    other = tmp_path / "other.jsonl.gz"
    write_sample_history(other, rows=200, seed=2)
    done = run(
        "index_builder", "evaluate", "--index", str(index), "--history", str(other), "--json"
    )
    result = json.loads(done.stdout)
    served = result[result["predictor"]]
    assert {"kendall_tau_b", "spearman", "mae", "median_ae"} <= served.keys()
    assert {"within_50", "within_100", "coverage_50", "coverage_90"} <= served.keys()
    assert served["kendall_tau_b"] > 0.3
    assert served["mae"] < result["constant_median"]["mae"]


def test_inspect_shows_what_the_index_holds(index):
    shown = json.loads(run("index_builder", "inspect", "--index", str(index), "--json").stdout)
    assert shown["rows"] == 600
    assert shown["encoder"]["name"] == "all-MiniLM-L6-v2"


def test_predict_prints_a_prediction_of_the_served_index(service):
    _, target = service
    prompt = "Translate the word house into French"
    done = run("scheduler_client", "predict", "--target", target, "--json", prompt)
    answer = json.loads(done.stdout)
    assert answer["expected_tokens"] > 0
    assert answer["quantile_tokens"] == sorted(answer["quantile_tokens"])


def test_the_simulator_is_told_by_an_index_what_the_service_tells_it(
    service, index, history, tmp_path
):
    def simulated(predictor: str) -> dict[str, float]:
        rows = tmp_path / "rows.json"
        run(
            *("serving_sim", "run", "--lengths", str(history), "--predict", predictor),
            *("--policy", "fcfs,sjf", "--batching", "none", "--profile", "ssjf", "--load", "0.9"),
            *("--requests", "300", "--seeds", "1", "--json", str(rows)),
        )
        return {row["policy"]: row["mean_jct_s"] for row in json.loads(rows.read_text())}

    by_index = simulated(f"index:{index}")
    assert by_index["sjf"] < by_index["fcfs"]
    assert simulated(f"service:{service[1]}") == pytest.approx(by_index)


def test_health_exits_0_only_when_it_serves(service, tmp_path):
    _, target = service
    run("scheduler_client", "health", "--target", target)
    refused = run("scheduler_client", "health", "--target", f"unix:{tmp_path}/no", expect=1)
    assert "Traceback" not in refused.stderr


def test_the_service_stops_cleanly_on_sigterm(service):
    process, target = service
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    run("scheduler_client", "health", "--target", target, expect=1)


def test_the_demo_runs_on_a_history_of_ones_own(history):
    done = run("demo", "--history", str(history))
    assert "shortest predicted job first" in done.stdout
    assert "The service has stopped cleanly." in done.stdout


def test_the_demo_says_in_one_line_what_is_wrong_with_a_history(tmp_path):
    done = run("demo", "--history", str(tmp_path / "absent.jsonl"), expect=1)
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
