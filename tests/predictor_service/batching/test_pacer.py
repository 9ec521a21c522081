"""When a micro-batch starts, on a clock that the test moves by hand."""

from predictor_service.batching.pacer import Pacer


def pacer() -> Pacer:
    return Pacer(max_batch_size=8, max_wait_s=0.002)


def test_a_lone_request_goes_at_once():
    idle = pacer()
    idle.arrived(10.0)
    assert idle.wait_s(1, 10.0) == 0


def closed_loop(callers: int, rounds: int) -> Pacer:
    """Callers who all come back one millisecond after their answers."""
    taught = pacer()
    now_s = 0.0
    for _ in range(rounds):
        taught.ended(callers, now_s)
        for _ in range(callers):
            taught.arrived(now_s + 0.001)
        now_s += 0.01
    taught.ended(callers, now_s)
    return taught


def test_it_learns_to_wait_for_callers_who_come_back():
    taught = closed_loop(callers=4, rounds=20)
    now_s = 0.2
    taught.arrived(now_s + 0.0005)
    assert taught.wait_s(1, now_s + 0.0005) > 0
    for _ in range(3):
        taught.arrived(now_s + 0.0008)
    assert taught.wait_s(4, now_s + 0.0008) == 0, "all are back"


def test_the_wait_ends_at_its_limit():
    taught = closed_loop(callers=4, rounds=20)
    taught.arrived(0.2005)
    assert taught.wait_s(1, 0.2005) <= 0.002
    assert taught.wait_s(1, 0.2021) == 0


def test_a_lone_caller_in_a_loop_never_waits():
    taught = closed_loop(callers=1, rounds=20)
    taught.arrived(0.2005)
    assert taught.wait_s(1, 0.2005) == 0


def test_callers_who_do_not_come_back_are_not_waited_for():
    random_traffic = pacer()
    for i in range(50):
        random_traffic.ended(2, i * 1.0)
        random_traffic.arrived(i + 0.5)
    assert random_traffic.wait_s(1, 50.0) == 0


def test_a_full_micro_batch_never_waits():
    taught = closed_loop(callers=32, rounds=20)
    assert taught.wait_s(8, 0.2) == 0
