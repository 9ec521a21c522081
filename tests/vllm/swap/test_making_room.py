"""Where memory is short and slots are not, the long make room for a short one."""

import pytest

from scheduler_client.vllm_plugin.swap.making_room import make_room
from tests.vllm.swap.small_engine import greedy, small_engine, transfer_config

LONG = [(f"long {n} tells of the sea and of the sky " * 3, 150) for n in range(2)]
SHORT = ("short and to the point, of the wind and the rain " * 3, 8)


@pytest.fixture(scope="module")
def expected(model):
    with small_engine(model, None) as engine:
        return dict(zip(["0", "1", "short"], engine.answers([*LONG, SHORT]), strict=True))


@pytest.fixture(scope="module", params=[False, True], ids=["step by step", "asynchronous"])
def engine(model, expected, request):
    options = {"scheduling_policy": "priority"}
    with small_engine(model, transfer_config(), asynchronous=request.param, **options) as running:
        let_the_long_make_room(running.core.scheduler)
        yield running


def let_the_long_make_room(scheduler) -> None:
    """By what remains, as a scheduler class does it."""

    def remaining(request) -> int:
        return request.max_tokens - request.num_output_tokens

    original = scheduler.schedule

    def schedule(*args):
        victims = []
        if scheduler.waiting:
            first = scheduler.waiting.peek_request()
            victims = make_room(scheduler, first, remaining, margin=5)
            scheduler.waiting.remove_requests(victims)
        step = original(*args)
        for victim in victims:
            scheduler.waiting.add_request(victim)
        return step

    scheduler.schedule = schedule


def run(engine) -> list[tuple[str, list[int]]]:
    """Two long requests that fill the memory, then a short one."""
    for number, (prompt, tokens) in enumerate(LONG):
        engine.llm.llm_engine.add_request(str(number), prompt, greedy(tokens), priority=1)
    pool = engine.core.scheduler.kv_cache_manager.block_pool
    engine.step_until(lambda: pool.get_num_free_blocks() <= 1)
    engine.llm.llm_engine.add_request("short", SHORT[0], greedy(SHORT[1]), priority=0)
    return engine.finish()


def test_a_short_one_is_served_first_and_all_answers_stay_the_same(engine, expected):
    with engine.counted() as counts:
        ended = run(engine)
    assert ended[0][0] == "short"
    assert dict(ended) == expected
    assert counts["swapped_in"] > 0
    assert counts["recomputed"] == 0


def test_with_the_role_of_a_consumer_nobody_could_be_taken_off(engine, monkeypatch):
    """Why the connector takes another role than people copy from elsewhere."""
    if engine.core.batch_queue is None:
        pytest.skip("step by step no step is under way when the next is made")
    scheduler = engine.core.scheduler
    refused = []
    monkeypatch.setattr(scheduler, "defer_block_free", True)  # what kv_both sets
    original = scheduler._request_blocks_can_be_freed

    def asked(request) -> bool:
        refused.append(not original(request))
        return not refused[-1]

    monkeypatch.setattr(scheduler, "_request_blocks_can_be_freed", asked)
    run(engine)
    assert sum(refused) > len(refused) / 2
