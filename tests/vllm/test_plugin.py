"""Where the plugin gets into vLLM, and when it stays out."""

import logging
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from prometheus_client import CollectorRegistry, values
from vllm.v1.core.sched.async_scheduler import AsyncScheduler
from vllm.v1.core.sched.scheduler import Scheduler

from scheduler_client.advisor.service_time_fit import START
from scheduler_client.vllm_plugin import metrics_page
from scheduler_client.vllm_plugin import scheduler as scheduler_module
from scheduler_client.vllm_plugin.metrics import PluginMetrics
from scheduler_client.vllm_plugin.metrics_page import FOLDER, SidecarMetrics, forget, keep_metrics
from scheduler_client.vllm_plugin.preemption.preempting import PREEMPTION_NEEDS
from scheduler_client.vllm_plugin.scheduler import (
    LengthwiseAsyncScheduler,
    LengthwiseMixin,
    LengthwiseScheduler,
    order_queue,
    unexpected,
    with_lengthwise,
)
from scheduler_client.vllm_plugin.sidecar.board import Board, Counts
from tests.vllm.engine_core.core_side import CoreSide, Spoken


def test_whatever_class_vllm_chooses_is_mixed_and_stays_what_it_was():
    class Own(Scheduler):
        """A user's."""

    for chosen in (Scheduler, AsyncScheduler, Own):
        mixed = with_lengthwise(chosen)
        assert issubclass(mixed, chosen)
        assert issubclass(mixed, LengthwiseMixin)
        assert not mixed.preempts
        assert with_lengthwise(mixed) is mixed


def test_the_documented_classes_are_the_same_with_preemption_on():
    assert issubclass(LengthwiseScheduler, Scheduler)
    assert issubclass(LengthwiseAsyncScheduler, AsyncScheduler)
    assert LengthwiseScheduler.preempts
    assert LengthwiseAsyncScheduler.preempts


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"running": None}, "has no running"),
        ({"scheduler_config": None}, "has no scheduler_config"),
        ({"waiting": SimpleNamespace(_heap=())}, "in no heap"),
        ({"waiting": []}, "in no heap"),
    ],
)
def test_a_scheduler_that_is_not_as_expected_is_left_alone_with_one_line(
    changed, said, monkeypatch, caplog
):
    monkeypatch.setenv("LENGTHWISE_TARGET", "127.0.0.1:1")
    monkeypatch.setattr(logging.getLogger("vllm"), "propagate", True)
    parts = {
        "requests": {},
        "running": [],
        "waiting": SimpleNamespace(_heap=[]),
        "vllm_config": None,
        "scheduler_config": SimpleNamespace(policy="priority"),
    } | changed
    scheduler = SimpleNamespace(**{name: part for name, part in parts.items() if part is not None})
    scheduler.vllm_config = None
    assert said in (unexpected(scheduler) or "")
    assert order_queue(scheduler, preempts=False) is None
    lines = {r.getMessage() for r in caplog.records if "Lengthwise is off" in r.getMessage()}
    assert len(lines) == 1


def test_a_scheduler_that_tells_of_no_end_is_left_alone(monkeypatch):
    monkeypatch.setenv("LENGTHWISE_TARGET", "127.0.0.1:1")

    class Endless:
        scheduler_config = SimpleNamespace(policy="priority")

    class Ending(Endless):
        def _free_request(self, request):
            pass

    said = []
    monkeypatch.setattr(scheduler_module.LOGGER, "warning", lambda *said_of: said.append(said_of))
    for made in (Endless, Ending):
        assert with_lengthwise(made)().lengthwise is None
    assert [trouble for _, trouble in said] == [
        "has no _free_request",
        "has no requests, running, waiting, vllm_config",
    ]


def run(code: str, *arguments: str, **env: str) -> subprocess.CompletedProcess:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("LENGTHWISE_")}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, env=kept | env, capture_output=True, text=True, check=False)


def test_without_a_target_vllm_is_untouched():
    done = run(
        "import vllm.plugins as p; p.load_general_plugins()\n"
        "from vllm.config import SchedulerConfig\n"
        "print(hasattr(SchedulerConfig.get_scheduler_cls, '__lengthwise__'))"
    )
    assert done.stdout.split()[-1:] == ["False"], done.stderr


def test_a_bad_value_stops_the_start_and_names_the_variable():
    done = run(
        "import vllm.plugins as p; p.load_general_plugins()",
        LENGTHWISE_TARGET="127.0.0.1:1",
        LENGTHWISE_DEADLINE_S="soon",
    )
    assert done.returncode != 0
    assert "LENGTHWISE_DEADLINE_S" in done.stderr


KEEP = """
import os, signal, sys
from scheduler_client.advisor.service_time_fit import START
from scheduler_client.vllm_plugin.metrics import PluginMetrics
from scheduler_client.vllm_plugin.metrics_page import keep_metrics
from scheduler_client.vllm_plugin.sidecar.board import Board, Counts
owner, steps, limit = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
keep_metrics(owner)
board = Board(counts=Counts(steps=steps), batch_limit=limit)
PluginMetrics().follow_engine(board, START)
os.kill(os.getpid(), signal.SIGKILL)
"""


def keep(folder, owner, steps, limit) -> None:
    """A sidecar counts, and is killed."""
    run(KEEP, owner, str(steps), str(limit), **{FOLDER: str(folder)})


def shown(folder) -> dict[str, float]:
    metrics = SidecarMetrics(str(folder)).collect()
    return {sample.name: sample.value for metric in metrics for sample in metric.samples}


def test_of_several_sidecars_counts_are_summed_and_the_greatest_limit_is_shown(tmp_path):
    keep(tmp_path, "a", 3, 8)
    keep(tmp_path, "b", 4, 16)
    page = shown(tmp_path)
    assert page["lengthwise_steps_total"] == 7
    assert page["lengthwise_batch_limit"] == 16


def test_a_sidecar_that_follows_one_that_was_killed_goes_on_with_its_counts(tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDER, str(tmp_path))
    keep(tmp_path, "a", 500, 8)
    files = set(tmp_path.iterdir())
    forget("a")
    assert "lengthwise_batch_limit" not in shown(tmp_path)
    keep(tmp_path, "a", 2, 8)
    assert shown(tmp_path)["lengthwise_steps_total"] == 502
    assert set(tmp_path.iterdir()) == files


def test_what_one_sidecar_has_shown_of_the_cores_counts_the_next_does_not_show_again():
    board = Board(counts=Counts(steps=500))
    registries = CollectorRegistry(), CollectorRegistry()
    first, second = map(PluginMetrics, registries)
    first.follow_engine(board, START)
    board.counts.steps += 2
    second.follow_engine(board, START)
    second.follow_engine(board, START)
    steps = [registry.get_sample_value("lengthwise_steps_total") for registry in registries]
    assert steps == [500, 2]


def test_a_folder_that_cannot_be_read_leaves_the_page_to_vllms_own_metrics(tmp_path):
    (tmp_path / "counter_a.db").write_bytes(b"\x7f" * 100)
    assert shown(tmp_path) == {}


@pytest.mark.parametrize("folder", ["gone", "full"])
def test_where_metrics_cannot_be_kept_a_sidecar_counts_for_itself(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(values, "ValueClass", values.ValueClass)
    monkeypatch.setenv(FOLDER, str(tmp_path / folder))
    if folder == "full":
        (tmp_path / folder).mkdir()
        monkeypatch.setattr(metrics_page, "ROOM_BYTES", 2**62)
    keep_metrics("a")
    PluginMetrics(CollectorRegistry()).follow_engine(Board(), START)
    assert not list(tmp_path.rglob("*.db"))


def test_a_port_that_there_is_not_costs_the_metrics_at_it_alone(caplog):
    PluginMetrics(CollectorRegistry()).serve(65_536)
    assert "not served at port 65536" in caplog.text


SHOW = """
import multiprocessing, os
from scheduler_client.vllm_plugin.metrics_page import FOLDER, show_metrics
print(os.environ[FOLDER])
show_metrics()
print(os.environ[FOLDER])
with multiprocessing.get_context("spawn").Pool(1) as pool:
    pool.apply(show_metrics)
    print(pool.apply(os.getenv, (FOLDER,)))
"""


def test_a_server_has_a_folder_of_its_own_whatever_started_it_and_its_children_have_the_same(
    tmp_path,
):
    done = run(SHOW, **{FOLDER: str(tmp_path)})
    inherited, own, of_child = done.stdout.split()[-3:]
    assert inherited == str(tmp_path), done.stderr
    assert own != inherited
    assert of_child == own


@pytest.mark.parametrize("lacks", PREEMPTION_NEEDS)
def test_a_scheduler_that_cannot_preempt_as_expected_is_ordered_all_the_same(
    lacks, monkeypatch, caplog
):
    monkeypatch.setenv("LENGTHWISE_TARGET", "127.0.0.1:1")
    monkeypatch.setattr(logging.getLogger("vllm"), "propagate", True)
    monkeypatch.setattr(scheduler_module, "SidecarProcess", Spoken)
    scheduler = CoreSide().scheduler
    scheduler.vllm_config.model_config.skip_tokenizer_init = True
    scheduler.vllm_config.parallel_config = SimpleNamespace(data_parallel_index=0)
    for name in PREEMPTION_NEEDS:
        setattr(scheduler, name, None)
    assert order_queue(scheduler, preempts=True)._preempts
    assert not caplog.records or "preempts nobody" not in caplog.text
    delattr(scheduler, lacks)
    order = order_queue(scheduler, preempts=True)
    assert order is not None
    assert not order._preempts
    (line,) = {r.getMessage() for r in caplog.records if "preempts nobody" in r.getMessage()}
    assert lacks in line
