"""Pods marked by the official client, against a server that speaks the two calls."""

import pytest
from kubernetes.client import ApiClient, Configuration, CoreV1Api

from autoscaler.core.decision import Decision, PoolDecision
from autoscaler.core.demand import Knowledge
from autoscaler.core.fleet import Pool
from autoscaler.edges.kubernetes.deletion_marks import DeletionMarks
from autoscaler.edges.kubernetes.pods import KubernetesPods, Pod
from autoscaler.errors import InvalidConfigError, KubernetesError
from tests.autoscaler.edges.kubernetes.api_server import serving

LEFT = {"10.0.0.1:8000": 900.0, "10.0.0.2:8000": 20.0, "10.0.0.3:8000": 300.0}


@pytest.fixture
def api():
    with serving() as server:
        for number in (1, 2, 3):
            server.add(f"vllm-{number}", f"10.0.0.{number}")
        yield server


def pods_of(api) -> KubernetesPods:
    configuration = Configuration(host=api.url)
    configuration.no_proxy = "127.0.0.1"
    configuration.retries = 0
    return KubernetesPods("llm", CoreV1Api(ApiClient(configuration)))


def marks_of(api, faults=None, left=None) -> DeletionMarks:
    told = (lambda _: None) if faults is None else faults.append
    return DeletionMarks(pods_of(api), {Pool.BATCH: "app=vllm"}, lambda: left or LEFT, told)


def decided(current: int, wanted: int) -> Decision:
    pools = {pool: PoolDecision(0, 0, 0, "") for pool in Pool}
    pools[Pool.BATCH] = PoolDecision(current, wanted, wanted, "")
    return Decision(0.0, pools, 0.0, 0, Knowledge.PREDICTIONS)


def test_before_a_pool_shrinks_its_least_busy_pods_are_marked(api):
    marks_of(api).prepare(decided(3, 1))
    assert api.costs == {"vllm-2": "-2", "vllm-3": "-1"}


def test_a_pool_that_does_not_shrink_is_looked_at_once_and_then_left_alone(api):
    marks = marks_of(api)
    for _ in range(5):
        marks.prepare(decided(3, 3))
    assert len(api.calls) == 1
    assert api.costs == {}


def test_marks_go_when_the_pool_is_to_keep_its_pods_after_all(api):
    marks = marks_of(api)
    marks.prepare(decided(3, 1))
    marks.prepare(decided(3, 3))
    assert api.costs == {}


def test_marks_that_an_autoscaler_before_left_go_at_the_start(api):
    api.add("vllm-4", "10.0.0.4", cost="-7")
    marks_of(api).prepare(decided(4, 4))
    assert api.costs == {}


def test_engines_of_one_pod_are_summed_and_addresses_may_be_of_either_kind(api):
    api.add("vllm-6", "fd00::6")
    left = {"10.0.0.1:8000": 50.0, "10.0.0.1:8001": 50.0, "10.0.0.2": 70.0, "[fd00::6]:8000": 60.0}
    marks_of(api, left=left).prepare(decided(4, 2))
    assert api.costs == {"vllm-6": "-2", "vllm-2": "-1"}


def test_pods_that_go_already_and_those_of_others_do_not_count(api):
    api.delete("vllm-2")
    api.add("other", "10.0.0.9", app="web")
    marks_of(api).prepare(decided(2, 1))
    assert api.costs == {"vllm-3": "-1"}


def test_pods_that_were_evicted_are_no_surplus(api):
    api.pods["vllm-2"]["status"]["phase"] = "Failed"
    api.pods["vllm-3"]["status"]["phase"] = "Succeeded"
    marks_of(api).prepare(decided(1, 1))
    assert api.costs == {}
    assert [pod.name for pod in pods_of(api).alive("app=vllm")] == ["vllm-1"]


def test_a_pod_without_an_address_and_one_with_a_strange_cost_are_pods_too(api):
    api.add("vllm-0", None)
    api.add("vllm-5", "10.0.0.5", cost="high")
    assert pods_of(api).alive("app=vllm")[-2:] == [
        Pod("vllm-0", "", 0),
        Pod("vllm-5", "10.0.0.5", 0),
    ]


def test_an_api_server_that_refuses_is_told_once_and_the_decision_goes_on(api):
    faults: list[str] = []
    marks = marks_of(api, faults)
    api.refuses = 403
    marks.prepare(decided(3, 1))
    marks.prepare(decided(3, 1))
    api.refuses = 0
    marks.prepare(decided(3, 1))
    assert faults == ["pods app=vllm cannot be listed: 403 Forbidden", ""]
    assert api.costs == {"vllm-2": "-2", "vllm-3": "-1"}


def test_a_pod_that_is_gone_meanwhile_is_told(api):
    with pytest.raises(KubernetesError, match="pod nobody cannot be annotated: 404"):
        pods_of(api).set_cost("nobody", -1)


def test_an_api_server_that_is_not_there_is_told(api):
    pods = pods_of(api)
    api.url = "http://127.0.0.1:9"
    with pytest.raises(KubernetesError, match="cannot be listed"):
        pods_of(api).alive("app=vllm")
    assert len(pods.alive("app=vllm")) == 3


def test_outside_of_a_cluster_it_is_refused_by_name(monkeypatch):
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(InvalidConfigError, match="kubernetes is configured, but this is no pod"):
        KubernetesPods.from_cluster("llm")
