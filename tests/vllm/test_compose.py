"""The part of docker-compose.yml that needs vLLM, as processes: see tests/deploy."""

from contextlib import ExitStack

import pytest

from lengthwise.v1 import length_predictor_pb2 as pb
from testbed.engine import VLLM
from testbed.predictor import PYTHON
from tests.deploy.composed import read_services
from tests.deploy.pictures import metrics_asked
from tests.deploy.processes import Composed, Translation
from tests.deploy.scraped import series
from tests.vllm.predictor_process import PredictorProcess
from tests.wait_until import wait_until

HTTP = "8000"
VARIABLES = {"LOAD_USERS": "4"}
REPORTS = 12


@pytest.fixture(scope="module")
def reporting(tmp_path_factory):
    """A predictor of this test's own."""
    process = PredictorProcess(tmp_path_factory.mktemp("reporting"))
    process.start()
    yield process
    process.kill()


@pytest.fixture(scope="module")
def composed(model, reporting, tmp_path_factory):
    """The engine and the load of the profile `cpu`."""
    services = read_services(VARIABLES)
    # docker compose leaves out what is of another profile and not required.
    members = {name: s for name, s in services.items() if "cpu" in (s.profiles or ["cpu"])}
    places = {"/models/tiny-llama": str(model), "0.0.0.0": "127.0.0.1"}
    places |= {"predictor:50051": reporting.target}
    with ExitStack() as stack:
        made = Composed(
            members,
            tmp_path_factory.mktemp("composed"),
            stack,
            given=["predictor"],
            translation=Translation(places),
            ports={"vllm-cpu": (HTTP,)},
            programs={"vllm-cpu": VLLM.parent, "load": PYTHON.parent},
        )
        made.up("load")
        yield made
        made.ask_all_to_end()


def test_the_load_is_answered_and_its_lengths_reach_the_predictor(composed, reporting):
    wait_until(lambda: len(reporting.reported()) >= REPORTS, f"{REPORTS} reports")
    reports = reporting.reported()
    assert {report["model"] for report in reports} == {"sample-llm"}
    # By themselves, as real answers do, and not where a limit cut them off.
    assert {report["finish_reason"] for report in reports} == {pb.FINISH_REASON_STOP}
    assert len({report["output_tokens"] for report in reports}) > 3


def test_every_metric_of_the_engine_that_pictures_and_alerts_ask_for_is_there(composed, reporting):
    wait_until(lambda: len(reporting.reported()) >= REPORTS, f"{REPORTS} reports")
    own = ("lengthwise_service_", "lengthwise_autoscaler_", "process_")
    asked = {name for name in metrics_asked() if not name.startswith(own)}
    assert any(name.startswith("vllm:") for name in asked)
    [engine] = composed.running["vllm-cpu"]
    assert asked - series(engine.get(HTTP, "/metrics")) == set()


def test_the_load_ends_as_asked_to(composed):
    assert composed.end("load") == [0]
