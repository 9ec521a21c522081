"""docker-compose.yml: pinned, healthy before it is needed, without rights."""

import re

import pytest

from autoscaler.config.fleet_config import read_config
from testbed.engine import ROOT
from tests.deploy.composed import Service, read_services

SERVICES = read_services({})
OURS = "lengthwise/"


@pytest.fixture(params=SERVICES.values(), ids=lambda service: service.name)
def service(request) -> Service:
    return request.param


def test_its_image_is_pinned_to_a_release(service):
    name, _, tag = service.image.rpartition(":")
    assert name
    assert re.fullmatch(r"v?\d+\.\d+(\.\d+)?(-\w+)?", tag)


def test_it_runs_without_rights_on_files_that_it_cannot_change(service):
    assert service.fields["read_only"] is True
    assert service.fields["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service.fields["security_opt"]
    assert not service.fields.get("privileged")


def test_what_it_waits_for_can_come_true(service):
    for name, condition in service.needs.items():
        needed = SERVICES[name]
        if condition == "service_healthy":
            assert needed.health
        else:
            assert condition == "service_completed_successfully"
            assert needed.fields["restart"] == "no"


def test_what_it_needs_is_brought_up_with_it(service):
    for name, need in service.fields.get("depends_on", {}).items():
        optional = need.get("required") is False
        assert (
            optional
            or set(service.profiles or [""]) <= set(SERVICES[name].profiles)
            or (not SERVICES[name].profiles)
        )


def test_its_dockerfile_is_there_and_has_its_target(service):
    build = service.fields.get("build")
    if build is not None:
        assert service.image.startswith(OURS)
        text = (ROOT / build["dockerfile"]).read_text()
        assert f" AS {build['target']}\n" in text if "target" in build else True


def test_an_image_of_ours_is_built_once_by_a_service_that_is_there_whenever_it_is_run(service):
    if service.image.startswith(OURS):
        [builder] = [s for s in SERVICES.values() if s.image == service.image and is_built(s)]
        assert not builder.profiles or builder is service


def is_built(service: Service) -> bool:
    return "build" in service.fields


def test_only_this_machine_can_reach_what_is_published(service):
    for port in service.fields.get("ports", ()):
        assert port.startswith("127.0.0.1:")


def test_the_predictors_cannot_write_to_the_index_that_they_serve():
    assert "index:/index:ro" in SERVICES["predictor"].fields["volumes"]
    assert SERVICES["predictor"].health[:4] == ("python", "-m", "scheduler_client", "health")


def test_no_password_stands_in_a_command_line():
    read = read_services({"POSTGRES_PASSWORD": "hunter2"})
    assert {s.name for s in read.values() if "hunter2" in s.environment.values()} == {
        "postgres",
        "predictor",
        "rebuild",
    }
    assert not [s for s in read.values() if "hunter2" in " ".join(s.command)]


def test_each_profile_has_a_load_and_at_most_one_engine():
    for profile, engines in (("light", 0), ("cpu", 1), ("gpu", 1)):
        members = [s for s in SERVICES.values() if profile in s.profiles]
        assert sum("demo.load" in s.command for s in members) == 1
        assert sum("vllm" in s.command for s in members) == engines


def test_the_autoscaler_looks_at_the_engines_by_their_name_and_publishes_where_it_listens():
    config = read_config(ROOT / "docker" / "autoscaler" / "fleet.yaml")
    assert config.demand
    [engines] = config.observe.engines.values()
    names = {name for s in SERVICES.values() if "vllm" in s.command for name in s.names}
    assert [url for url in engines if url.split("/")[2].partition(":")[0] in names] == list(engines)
    published = [port.split(":") for port in SERVICES["autoscaler"].fields["ports"]]
    listens = {at.rpartition(":")[2] for at in (config.keda.listen, config.demand.listen)}
    assert {inside for _, _, inside in published} == listens
    assert {outside for _, outside, _ in published} == listens
