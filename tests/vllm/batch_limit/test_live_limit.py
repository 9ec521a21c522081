"""The live limit inside a real engine, in this process, on a clock that its batch sets."""

import asyncio
import logging
from itertools import pairwise
from types import SimpleNamespace

import pytest

from lengthwise.length_distribution import LengthDistribution
from lengthwise.scheduling import PreemptionRule
from lengthwise.scheduling.batch_limit import BatchLimit
from lengthwise.scheduling.service_time import ServiceTimeModel
from scheduler_client.vllm_plugin.batch_limit.live_limit import LIMIT_NEEDS, LiveLimit, limit_batch
from scheduler_client.vllm_plugin.batch_limit.settings import itl_slo_s
from scheduler_client.vllm_plugin.messages import encode_points
from scheduler_client.vllm_plugin.preemption.preempting import Preempting
from scheduler_client.vllm_plugin.tracked import ExpectedLength
from testbed.engine import CACHE, running_engine
from testbed.engine_options import EngineOptions
from testbed.tiny_model import TinyLlama, tiny_model
from tests.vllm.engines import SETTINGS, STEP_S, Caller, counted, sidecars_of, until
from tests.vllm.swap.small_engine import greedy, requests, small_engine
from tests.vllm.test_plugin import run

SCHEDULER = "scheduler_client.vllm_plugin.scheduler.LengthwiseScheduler"
ASYNC_SCHEDULER = "scheduler_client.vllm_plugin.scheduler.LengthwiseAsyncScheduler"

SLO_S = 0.05
SLOTS = 16
TOKENS = 60


class BatchClock:
    """What a step takes is linear in the batch; asked for once in each step with tokens."""

    def __init__(self, scheduler, step_s=0.01, sequence_s=0.005):
        self.scheduler = scheduler
        self.now_s, self.step_s, self.sequence_s = 0.0, step_s, sequence_s

    def __call__(self) -> float:
        self.now_s += self.step_s + self.sequence_s * len(self.scheduler.running)
        return self.now_s


@pytest.fixture(scope="module")
def fast_model():
    """Its steps take a CPU a few milliseconds: only the batch matters here."""
    return tiny_model(CACHE, TinyLlama(hidden=64, layers=1, heads=2))


@pytest.fixture(scope="module")
def limited_engine(fast_model):
    """Sixteen slots, memory for all, and nobody who predicts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LENGTHWISE_ITL_SLO_MS", "50")
        patch.delenv("LENGTHWISE_TARGET", raising=False)
        with small_engine(
            fast_model,
            None,
            scheduler_cls=SCHEDULER,
            scheduling_policy="priority",
            max_num_seqs=SLOTS,
            num_gpu_blocks_override=400,
        ) as engine:
            yield engine


@pytest.fixture
def limited(limited_engine, monkeypatch):
    """The same with a limit that has seen nothing yet."""
    scheduler = limited_engine.core.scheduler
    assert isinstance(scheduler.live_limit, LiveLimit)
    scheduler.max_num_active_reqs = SLOTS
    limit = LiveLimit(scheduler, SLO_S, BatchClock(scheduler))
    monkeypatch.setattr(scheduler, "live_limit", limit)
    yield limited_engine
    assert not limited_engine.llm.llm_engine.has_unfinished_requests()


def batches(engine) -> list[tuple[int, int, list]]:
    """Step to the end: after each the limit and the batch, and who ended in it."""
    scheduler, seen = engine.core.scheduler, []
    while engine.llm.llm_engine.has_unfinished_requests():
        ended = [
            (o.request_id, list(o.outputs[0].token_ids))
            for o in engine.llm.llm_engine.step()
            if o.finished
        ]
        seen.append((scheduler.max_num_active_reqs, len(scheduler.running), ended))
    return seen


def add_all(engine, asked) -> None:
    for number, (prompt, tokens) in enumerate(asked):
        engine.add(str(number), prompt, tokens)


def test_the_limit_falls_where_the_slo_breaks_and_rises_where_there_is_room(limited):
    scheduler = limited.core.scheduler
    clock = scheduler.live_limit._clock
    add_all(limited, requests(48, TOKENS))
    for _ in range(250):
        limited.llm.llm_engine.step()
    # Five have 0.035 s and eight 0.05: what is held is 0.7 to 1 of the SLO.
    assert 5 <= scheduler.max_num_active_reqs <= 8
    assert 0.65 * SLO_S <= scheduler.live_limit.itl_s <= SLO_S
    clock.step_s = clock.sequence_s = 0.0005
    add_all(limited, requests(48, TOKENS))
    assert max(limit for limit, _, _ in batches(limited)) == SLOTS
    assert scheduler.max_num_running_reqs == SLOTS


def test_requests_that_end_are_held_against_the_slo_and_forgotten(limited):
    limit = limited.core.scheduler.live_limit
    limit._clock.sequence_s = 0.0
    add_all(limited, requests(16, TOKENS))
    batches(limited)
    kept = limit._limit.aim
    assert kept > 0.85
    limit._clock.step_s = 2 * SLO_S
    add_all(limited, requests(4, TOKENS))
    limited.llm.llm_engine.step()
    limited.llm.llm_engine.abort_request(["0"])
    batches(limited)
    assert limit._limit.aim == pytest.approx(kept - 3 * 0.02)
    assert limit._first_s == {}


def test_nobody_is_preempted_for_it_and_the_answers_are_the_same(limited, monkeypatch):
    asked = requests(48, TOKENS)
    scheduler = limited.core.scheduler
    with limited.counted() as counts:
        add_all(limited, asked)
        seen = batches(limited)
    assert counts["preemptions"] == 0
    assert min(limit for limit, _, _ in seen) < SLOTS // 2
    answers = dict(answer for _, _, ended in seen for answer in ended)
    monkeypatch.setattr(scheduler, "live_limit", None)
    scheduler.max_num_active_reqs = SLOTS
    expected = limited.answers(asked)
    assert [answers[str(number)] for number in range(len(asked))] == expected


def test_a_lowered_limit_drains_the_batch_and_admits_nobody_until_there_is_room(limited):
    add_all(limited, requests(48, TOKENS))
    seen = batches(limited)
    above = [
        (before, after) for (limit, before, _), (_, after, _) in pairwise(seen) if before > limit
    ]
    assert above
    assert all(after <= before for before, after in above)


def test_where_the_slo_is_kept_the_batch_is_vllms_own(limited):
    limited.core.scheduler.live_limit._clock.sequence_s = 0.0005
    add_all(limited, requests(48, TOKENS))
    assert max(running for _, running, _ in batches(limited)) == SLOTS


def test_idle_time_is_none_between_tokens(limited):
    scheduler = limited.core.scheduler
    clock = scheduler.live_limit._clock
    clock.sequence_s = 0.0
    add_all(limited, requests(4, TOKENS))
    for _ in range(20):
        limited.llm.llm_engine.step()
    before = scheduler.max_num_active_reqs
    assert scheduler.live_limit.itl_s == pytest.approx(clock.step_s)
    limited.llm.llm_engine.abort_request([str(number) for number in range(4)])
    batches(limited)
    clock.now_s += 3_600
    add_all(limited, requests(4, TOKENS))
    for _ in range(20):
        limited.llm.llm_engine.step()
    assert scheduler.max_num_active_reqs == before
    assert scheduler.live_limit.itl_s == pytest.approx(clock.step_s)
    batches(limited)


@pytest.mark.parametrize("broken", ["_clock", "_first_s"])
def test_an_exception_gives_vllm_its_own_limit_back_with_one_line(
    limited, monkeypatch, caplog, broken
):
    monkeypatch.setattr(logging.getLogger("vllm"), "propagate", True)
    scheduler = limited.core.scheduler
    add_all(limited, requests(48, TOKENS))
    while scheduler.max_num_active_reqs == SLOTS:
        limited.llm.llm_engine.step()
    monkeypatch.setattr(scheduler.live_limit, broken, "using it raises")
    seen = batches(limited)
    assert seen[-1][0] == SLOTS
    assert max(running for _, running, _ in seen) == SLOTS
    assert scheduler.live_limit.requests == SLOTS
    said = {record.getMessage() for record in caplog.records}
    assert sum("does not limit the batch from now on" in line for line in said) == 1


def expected(request_id: str) -> ExpectedLength:
    """Surely: one token of the short one, 5,000 of each other."""
    tokens = 1.0 if request_id.startswith("short") else 5_000.0
    certain = LengthDistribution((0.0, 1.0), (tokens, tokens))
    return ExpectedLength(tokens, encode_points(certain))


def test_while_the_batch_drains_our_own_preemption_takes_no_slot(limited):
    scheduler = limited.core.scheduler
    preempting = Preempting(scheduler, PreemptionRule())

    def take_slots() -> int:
        taken = preempting.preempt(expected, ServiceTimeModel())
        preempting.give_back()
        return taken

    add_all(limited, [(prompt, 200) for prompt, _ in requests(SLOTS)])
    for _ in range(3):
        limited.llm.llm_engine.step()
    limited.llm.llm_engine.add_request("short", "hi", greedy(1), priority=-1)
    limited.llm.llm_engine.step()
    assert len(scheduler.running) == SLOTS
    assert len(scheduler.waiting) == 1
    scheduler.max_num_active_reqs = SLOTS // 2
    assert take_slots() == 0
    scheduler.max_num_active_reqs = SLOTS
    assert take_slots() == 1
    limited.llm.llm_engine.abort_request([str(number) for number in range(SLOTS)])
    batches(limited)


def test_where_steps_are_scheduled_ahead_the_limit_is_the_same(fast_model, monkeypatch):
    monkeypatch.setenv("LENGTHWISE_ITL_SLO_MS", "50")
    with small_engine(
        fast_model,
        None,
        asynchronous=True,
        scheduler_cls=ASYNC_SCHEDULER,
        scheduling_policy="priority",
        max_num_seqs=SLOTS,
        num_gpu_blocks_override=400,
    ) as engine:
        scheduler = engine.core.scheduler
        scheduler.live_limit._clock = BatchClock(scheduler)
        with engine.counted() as counts:
            add_all(engine, requests(48, TOKENS))
            limits = [limit for limit, _, _ in batches(engine)]
        assert 5 <= limits[250] <= 8
        assert counts["preemptions"] == 0


def stand_in(**changed):
    """Of a scheduler, what is looked at; None leaves a thing out."""
    parts = {
        "max_num_active_reqs": 64,
        "max_num_running_reqs": 64,
        "running": [],
    }
    parts = {name: changed.get(name, part) for name, part in parts.items()}
    return SimpleNamespace(**{name: part for name, part in parts.items() if part != "missing"})


def test_sessions_that_wait_for_their_next_input_take_no_place_in_the_limit():
    scheduler = stand_in()
    limit = LiveLimit(scheduler, SLO_S)
    limit._limit = BatchLimit(4.0)
    seen = []
    for scheduler.num_waiting_for_streaming_input in (0, 4, 70, 1):
        limit.before_step()
        seen.append(scheduler.max_num_active_reqs)
    assert seen == [4, 8, 64, 5]


def test_once_it_is_off_sessions_do_not_move_vllms_limit():
    scheduler = stand_in(running=None)
    limit = LiveLimit(scheduler, SLO_S)
    limit._limit = None  # using it raises
    limit.before_step()
    limit._limit = BatchLimit(4.0)
    limit.before_step()
    assert scheduler.max_num_active_reqs == 64


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        *(({name: "missing"}, name) for name in LIMIT_NEEDS),
        ({"max_num_active_reqs": 65}, "max_num_active_reqs 65 and max_num_running_reqs 64"),
        ({"max_num_active_reqs": None}, "max_num_active_reqs None"),
        ({"max_num_active_reqs": 0}, "max_num_active_reqs 0"),
    ],
)
def test_a_scheduler_that_is_not_as_expected_keeps_its_limit_with_one_line(
    changed, said, monkeypatch, caplog
):
    monkeypatch.setattr(logging.getLogger("vllm"), "propagate", True)
    assert limit_batch(stand_in(), {"LENGTHWISE_ITL_SLO_MS": "200"}) is not None
    caplog.clear()
    assert limit_batch(stand_in(**changed), {"LENGTHWISE_ITL_SLO_MS": "200"}) is None
    (line,) = {record.getMessage() for record in caplog.records}
    assert line.startswith("Lengthwise does not limit the batch")
    assert said in line


def test_a_vllm_whose_steps_cannot_be_seen_keeps_its_limit(monkeypatch, caplog):
    monkeypatch.setattr(logging.getLogger("vllm"), "propagate", True)
    settings = {"LENGTHWISE_ITL_SLO_MS": "200"}
    assert limit_batch(stand_in(), settings, sees_steps=False) is None
    assert "has no update_from_output" in caplog.text


def test_in_shadow_nothing_is_limited(monkeypatch, caplog):
    monkeypatch.setattr(logging.getLogger("vllm"), "propagate", True)
    shadow = {"LENGTHWISE_TARGET": "127.0.0.1:1", "LENGTHWISE_SHADOW": "true"}
    assert limit_batch(stand_in(), {"LENGTHWISE_ITL_SLO_MS": "200"} | shadow) is None
    assert "LENGTHWISE_SHADOW" in caplog.text


@pytest.mark.parametrize("text", ["0", "-5", "0.5", "60001", "nan", "inf"])
def test_an_slo_out_of_range_is_refused_by_name_value_and_range(text):
    with pytest.raises(ValueError, match=rf"LENGTHWISE_ITL_SLO_MS is '?{text}.*expected"):
        itl_slo_s({"LENGTHWISE_ITL_SLO_MS": text})


def test_an_slo_is_milliseconds_and_none_is_off():
    assert itl_slo_s({"LENGTHWISE_ITL_SLO_MS": " 200 "}) == 0.2
    assert itl_slo_s({"LENGTHWISE_ITL_SLO_MS": ""}) is None
    assert itl_slo_s({}) is None


def test_without_a_predictor_the_batch_is_limited_and_nothing_counts_as_ordered():
    done = run(
        "import vllm.plugins as p; p.load_general_plugins(); p.load_general_plugins()\n"
        "from vllm.config import SchedulerConfig\n"
        "from scheduler_client.vllm_plugin.plugin import is_on\n"
        "config = SchedulerConfig.default_factory(max_model_len=64, is_encoder_decoder=False)\n"
        "print(config.get_scheduler_cls().__name__, is_on())",
        LENGTHWISE_ITL_SLO_MS="200",
    )
    name, orders = done.stdout.split()[-2:]
    assert name.startswith("Lengthwise"), done.stderr
    assert name.count("Lengthwise") == 1
    assert orders == "False"


def test_a_bad_slo_stops_the_start_and_names_the_variable():
    done = run("import vllm.plugins as p; p.load_general_plugins()", LENGTHWISE_ITL_SLO_MS="soon")
    assert done.returncode != 0
    assert "LENGTHWISE_ITL_SLO_MS is 'soon'" in done.stderr


async def test_a_server_shows_its_limit_and_ends_while_requests_wait_for_it(
    model, predictor, folder
):
    settings = {"LENGTHWISE_TARGET": predictor.target, **SETTINGS}
    # No step is as short: the floor is what is left.
    settings["LENGTHWISE_ITL_SLO_MS"] = "5"
    started = EngineOptions(slots=32, step_s=STEP_S, environment=settings)
    with running_engine(model, folder, started) as engine:
        assert "Lengthwise limits the batch: 2 to 32 requests" in engine.log_file.read_text()
        async with Caller(engine) as caller:
            asked = [caller.complete(f"tell me {n}", 60) for n in range(40)]
            answers = await asyncio.gather(*asked)
            assert {answer["usage"]["completion_tokens"] for answer in answers} == {60}
            # Who starts before the floor is reached runs on beyond it, for thousands of tokens.
            async with asyncio.timeout(60):
                while counted(engine, "lengthwise_batch_limit") > 2:
                    await asyncio.gather(*(caller.complete("again", 60) for _ in range(8)))
            waiting = [asyncio.create_task(caller.complete("more", 5_000)) for _ in range(8)]
            await until(lambda: counted(engine, "lengthwise_batch_limit") == 2, "the floor")
            await until(lambda: counted(engine, "vllm:num_requests_running") == 2, "the batch")
            assert counted(engine, "lengthwise_inter_token_seconds") >= STEP_S
            assert counted(engine, "vllm:num_preemptions_total") == 0
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
    assert sidecars_of(engine) == []
