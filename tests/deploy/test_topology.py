"""docker-compose.yml brought up as processes: its own command lines, no engine for containers."""

from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from benchmarks.private_postgres import NONE_FOUND, find_binaries, private_postgres
from lengthwise.history.database.reader import HistoryReader
from scheduler_client import LengthPredictorClient
from testbed.engine_metrics import parse_metrics, total
from tests.deploy.composed import read_services
from tests.deploy.pictures import SCRAPING, metrics_asked
from tests.deploy.processes import Composed, Process, Translation
from tests.deploy.scraped import series
from tests.wait_until import wait_until

VARIABLES = {
    "SEED_ROWS": "300",
    "LOAD_PAUSE_S": "0.05",
    # Nobody could take the rebuilt version for a worse one.
    "LONGER_TIMES": "3",
    "LONGER_AFTER_S": "0",
    "REBUILD_EVERY_S": "2",
    "REBUILD_MIN_NEW_ROWS": "300",
}
REPORTED_ROWS = 400
GRPC, METRICS = "50051", "9464"
HISTORY = "postgresql://lengthwise@postgres/lengthwise"
SWITCHED_WITHIN_S = 120.0


class Topology(Composed):
    """All of it but vLLM and what other projects bring."""

    def __init__(self, folder: Path, stack: ExitStack, history: str) -> None:
        places = {"0.0.0.0": "127.0.0.1", HISTORY: history}
        for volume in ("index", "seed"):
            (folder / volume).mkdir()
            places[f"/{volume}"] = str(folder / volume)
        super().__init__(
            read_services(VARIABLES),
            folder,
            stack,
            given=["postgres"],
            translation=Translation(places),
            ports={"predictor": (GRPC, METRICS)},
        )
        self.history = history
        self.current = folder / "index" / "CURRENT"

    @property
    def predictors(self) -> list[Process]:
        return self.running["predictor"]

    def stored(self, predictor: Process) -> float:
        """Completions that it has stored."""
        return total(
            parse_metrics(predictor.get(METRICS, "/metrics")),
            "lengthwise_service_completions_total",
        )

    def version_of(self, predictor: Process) -> str:
        with LengthPredictorClient(predictor.address(GRPC), timeout_s=30) as client:
            return client.info().index_version


@pytest.fixture(scope="module")
def topology(tmp_path_factory):
    if find_binaries() is None:
        pytest.skip(NONE_FOUND)
    with ExitStack() as stack:
        history = stack.enter_context(private_postgres())
        made = Topology(tmp_path_factory.mktemp("composed"), stack, history)
        made.up("predictor")
        made.await_healthy("predictor")
        yield made
        made.ask_all_to_end()


@pytest.fixture(scope="module")
def first_version(topology):
    """Of the build job, before anything is rebuilt."""
    return topology.current.read_text().strip()


@pytest.fixture(scope="module")
def reported(topology, first_version):
    """The load has been on for a while, and has ended as asked to."""
    topology.up("load-light")
    with HistoryReader.open(topology.history) as reader:
        wait_until(lambda: reader.summary().rows >= REPORTED_ROWS, "reports in the history")
    assert topology.end("load-light") == [0]


@pytest.fixture(scope="module")
def rebuilding(topology, reported):
    topology.up("rebuild")
    return topology.running["rebuild"][0]


def test_both_replicas_predict_from_the_index_that_the_jobs_have_made(topology, first_version):
    assert len(topology.predictors) == 2
    for predictor in topology.predictors:
        with LengthPredictorClient(predictor.address(GRPC), timeout_s=30) as client:
            assert client.predict("Write a haiku about the sea").p50_tokens > 0


def test_what_the_load_reports_lands_in_postgresql_from_both_replicas(topology, reported):
    def stored() -> list[float]:
        return [topology.stored(predictor) for predictor in topology.predictors]

    assert min(stored()) > 0
    with HistoryReader.open(topology.history) as reader:
        # What the load did not wait for any more may still be under way.
        wait_until(lambda: sum(stored()) == reader.summary().rows, "as many rows as reports")


def test_the_rebuild_publishes_a_version_that_both_replicas_switch_to(
    topology, first_version, rebuilding
):
    def all_switched() -> bool:
        return all(topology.version_of(one) != first_version for one in topology.predictors)

    wait_until(all_switched, f"a switch (see {rebuilding.log_file})", SWITCHED_WITHIN_S)
    [published] = {topology.version_of(one) for one in topology.predictors}
    assert topology.current.read_text().strip() == published
    assert f"Published {published}" in rebuilding.log_file.read_text()


def test_the_build_job_leaves_a_store_alone_that_holds_an_index(topology, first_version):
    topology.job("build-index")
    assert (topology.current.parents[1] / "build-index.log").read_text() == ""


def test_every_metric_of_the_predictor_that_pictures_and_alerts_ask_for_is_scraped(
    topology, reported
):
    asked = {name for name in metrics_asked() if name.startswith(("lengthwise_service_", "proc"))}
    jobs = yaml.safe_load(SCRAPING.read_text())["scrape_configs"]
    [found] = [job["dns_sd_configs"][0] for job in jobs if job["job_name"] == "predictor"]
    assert (found["names"], str(found["port"])) == (["predictor"], METRICS)
    for predictor in topology.predictors:
        assert asked - series(predictor.get(METRICS, "/metrics")) == set()
