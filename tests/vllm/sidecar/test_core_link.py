"""What sidecar and core tell each other: whole, in packets, whatever comes."""

import asyncio

from scheduler_client.vllm_plugin.messages import (
    encode,
)
from scheduler_client.vllm_plugin.sidecar import core_link
from scheduler_client.vllm_plugin.sidecar import sidecar as sidecar_module
from scheduler_client.vllm_plugin.sidecar.core_link import MAX_POINTS
from tests.scheduler_client.advisor.helpers import ScriptedClient
from tests.vllm.sidecar.core import ended, of_levels, until


async def test_it_rings_after_it_has_answered(start, arrived):
    core = start()
    core.tell(arrived(3))
    await core.hear()
    await until(lambda: core.board.rings)


async def test_what_is_no_message_does_not_end_it(start, arrived):
    core = start()
    core.tell(arrived(1, temperature=float("nan")), arrived(2))
    while 2 not in [number for number, *_ in (await core.hear()).lengths]:
        pass


async def test_a_fault_in_speaking_to_the_core_costs_what_was_being_said_alone(
    start, arrived, monkeypatch
):
    core = start()
    monkeypatch.setattr(sidecar_module, "AGAIN_AFTER_S", 0.01)
    faults = [RuntimeError("on purpose")]

    def faulty(message):
        if faults:
            raise faults.pop()
        return encode(message)

    monkeypatch.setattr(core_link, "encode", faulty)
    core.tell(arrived(1))
    await until(lambda: not faults)
    core.tell(arrived(2))
    while 2 not in [number for number, *_ in (await core.hear()).lengths]:
        pass


async def test_a_core_that_reads_late_hears_everything(start, arrived, monkeypatch):
    """Predictions and what was learnt are due at the same time, and the socket is full."""
    monkeypatch.setattr(sidecar_module, "TELL_EVERY_S", 0.001)
    core, client = start(), ScriptedClient()
    client.outcome = lambda _: of_levels(100)
    core.asks(client)
    for number in range(2_000):
        await core.tell_as_it_reads(arrived(number))
        one = arrived(number + 10_000, asking="policy"), ended(number + 10_000, 1 + number)
        await core.tell_as_it_reads(*one)
    await until(lambda: core.counted("lengthwise_predictions_total") == 2_000)
    await asyncio.sleep(0)
    numbers = []
    while len(numbers) < 2_000:
        numbers += [number for number, *_ in (await core.hear()).lengths]
    assert sorted(numbers) == list(range(2_000))


async def test_answers_are_divided_by_what_a_packet_holds(start, arrived):
    core, client = start(), ScriptedClient()
    client.outcome = lambda _: of_levels(MAX_POINTS - 3)  # and the ends
    core.asks(client)
    core.tell(*(arrived(n) for n in range(100)))
    numbers = []
    while len(numbers) < 100:
        numbers += [n for n, tokens, _ in (await core.hear()).lengths if tokens is not None]
    assert sorted(numbers) == list(range(100))


async def test_names_of_llms_that_no_packet_holds_leave_the_core_what_it_knows(start, arrived):
    core = start()
    for n in range(256):
        core.sidecar._typical.add(f"{n}" + "x" * 600, 10)
    core.tell(arrived(1))
    (length,) = (await core.hear()).lengths
    assert length[0] == 1
    await until(lambda: core.sidecar._link._learnt is None)
    core.tell(arrived(2))
    assert (await core.hear()).lengths[0][0] == 2
    assert core.learnt is None or len(core.learnt.typical_tokens) < 256


async def test_a_distribution_of_more_points_than_a_packet_holds_many_of_is_none(start, arrived):
    core, client = start(), ScriptedClient()
    client.outcome = lambda _: of_levels(MAX_POINTS - 2)
    core.asks(client)
    core.tell(arrived(1))
    assert await core.hear_of_unknown() == [1]


async def test_a_packet_that_cannot_be_read_is_counted_and_the_next_is_read(start, arrived):
    core = start()
    core.ours.send(b"\xc1 is no MessagePack")
    core.tell(arrived(1))
    assert [number for number, *_ in (await core.hear()).lengths] == [1]
    await until(lambda: core.counted("lengthwise_internal_errors_total") == 1)
