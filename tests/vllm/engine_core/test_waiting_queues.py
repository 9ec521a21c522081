"""Whatever priority changes, vLLM's queue gives its requests in their order."""

import random
from types import SimpleNamespace

from vllm import SamplingParams
from vllm.v1.core.sched.request_queue import PriorityRequestQueue
from vllm.v1.request import Request

from scheduler_client.vllm_plugin import waiting_queues
from scheduler_client.vllm_plugin.waiting_queues import reorder


def queue_of(count: int, chance: random.Random, keys: int) -> PriorityRequestQueue:
    """As it is after some have come and some have gone: a heap, but not sorted."""
    queue = PriorityRequestQueue()
    for number in range(2 * count):
        request = Request(
            f"r{number}", [1], SamplingParams(), None, priority=chance.randrange(keys)
        )
        request.arrival_time = float(number)
        queue.add_request(request)
    for _ in range(count):
        queue.pop_request()
    return queue


def order_of(queue: PriorityRequestQueue) -> list[str]:
    return [queue.pop_request().request_id for _ in range(len(queue))]


def test_after_one_change_all_are_given_in_order():
    for seed in range(200):
        chance = random.Random(seed)
        unique = bool(seed % 2)
        keys = 10**9 if unique else 8
        queue = queue_of(chance.randrange(1, 40), chance, keys)
        changed = chance.choice(queue._heap)
        changed.priority = chance.randrange(keys)
        wanted = [request.request_id for request in sorted(queue._heap)]
        scheduler = SimpleNamespace(waiting=PriorityRequestQueue(), kv_holding_waiting=queue)
        reorder(scheduler, [changed], unique=unique)
        assert order_of(queue) == wanted, seed


def test_after_several_changes_all_are_given_in_order():
    chance = random.Random(0)
    queue = queue_of(30, chance, 10**9)
    changed = chance.sample(queue._heap, 5)
    for request in changed:
        request.priority = chance.randrange(10**9)
    wanted = [request.request_id for request in sorted(queue._heap)]
    reorder(SimpleNamespace(waiting=queue), changed, unique=True)
    assert order_of(queue) == wanted


def test_one_that_goes_forward_has_the_others_left_alone(monkeypatch):
    queue = queue_of(200, random.Random(0), 10**9)
    looked_at = []

    def key(request):
        looked_at.append(request)
        return request.priority

    monkeypatch.setattr(waiting_queues, "PRIORITY", key)
    queue._heap[-1].priority = -1
    reorder(SimpleNamespace(waiting=queue), [queue._heap[-1]], unique=True)
    assert queue.peek_request().priority == -1
    assert len(looked_at) <= 10
