"""What the queue meter makes of requests that came and ended."""

from dataclasses import replace

import pytest

from lengthwise.scheduling.queue_meter import MAX_IN_FLIGHT, QueueMeter
from tests.lengthwise.scheduling.queues import ending


def busy(slots: int, rounds: int = 40, predicted_s: float = 1.0) -> tuple[QueueMeter, float]:
    """A meter after rounds of `slots` requests of 1 s, each round one second after the other."""
    meter = QueueMeter()
    now_s = 0.0
    for _ in range(rounds):
        arrivals_s = [now_s + i / 1000 for i in range(slots)]
        for arrival_s in arrivals_s:
            meter.arrived(arrival_s, predicted_s)
        for arrival_s in arrivals_s:
            meter.finished(ending(arrival_s))
        now_s += 1.1
    return meter, now_s


@pytest.mark.parametrize("slots", [1, 3, 16])
def test_it_sees_how_many_run_at_once(slots):
    meter, _ = busy(slots)
    assert meter.slots == slots


def test_an_engine_that_says_how_many_run_is_believed():
    # Clocks of several processes make two requests overlap that followed each other.
    meter = QueueMeter()
    for i in range(40):
        meter.arrived(float(i), 1.0)
        meter.finished(replace(ending(float(i), service_s=1.5), batch_size=1))
    assert meter.slots == 1


@pytest.mark.parametrize("predicted_s", [0.1, 1.0, 30.0])
def test_the_wait_is_the_work_ahead_over_the_slots_whatever_the_scale_of_predictions(predicted_s):
    meter, now_s = busy(4, predicted_s=predicted_s)
    for i in range(4 + 20):  # 4 run, 20 wait
        meter.arrived(now_s + i / 1000, predicted_s)
    assert meter.fcfs_wait_s() == pytest.approx(20 / 4)


def test_who_is_served_at_once_finds_no_wait():
    meter, now_s = busy(4)
    for i in range(4):
        meter.arrived(now_s + i / 1000, 1.0)
    assert meter.fcfs_wait_s() == pytest.approx(0.0)


def test_before_enough_ended_no_wait_is_claimed():
    meter = QueueMeter()
    for i in range(100):
        meter.arrived(float(i), 1.0)
    assert meter.fcfs_wait_s() == 0
    meter.finished(ending(0.0))
    assert meter.fcfs_wait_s() == 0


def test_one_that_was_aborted_before_it_ran_is_counted_out_and_teaches_nothing():
    meter, now_s = busy(1)
    for i in range(11):
        meter.arrived(now_s + i, 1.0)
    before = meter.mean_service_s
    for i in range(11):
        meter.finished(ending(now_s + i, service_s=0.0))
    assert meter.fcfs_wait_s() == 0
    assert meter.mean_service_s == before


def test_an_ending_of_one_that_never_came_takes_out_the_oldest():
    meter, now_s = busy(1)
    for i in range(5):
        meter.arrived(now_s + i, 1.0)
    meter.finished(ending(now_s + 0.123))
    assert meter.fcfs_wait_s() == pytest.approx(3.0)


def test_endings_that_are_never_seen_do_not_add_up():
    meter, now_s = busy(1)
    for i in range(50):
        meter.arrived(now_s + i / 100, 1.0)
    meter.arrived(now_s + 1000, 1.0)
    assert meter.fcfs_wait_s() == pytest.approx(0.0)


def test_of_very_many_in_flight_only_the_latest_are_counted():
    meter, now_s = busy(1)
    for i in range(3 * MAX_IN_FLIGHT):
        meter.arrived(now_s + i / 1e6, 1.0)
    assert meter.fcfs_wait_s() == pytest.approx(MAX_IN_FLIGHT - 1)


def test_endings_without_arrivals_are_harmless():
    meter = QueueMeter()
    meter.finished(ending(1.0))
    assert meter.fcfs_wait_s() == 0
    assert meter.slots == 0
