"""The state of a fleet from its engines' metrics."""

import math
import socket
from threading import Barrier, Event, Lock, Thread

import pytest

from autoscaler.core.decide import decide
from autoscaler.core.demand import Knowledge
from autoscaler.core.fleet import Pool
from autoscaler.edges.engine_metrics import (
    LOOKS_AT_ONCE,
    EngineSample,
    MeanLengths,
    engine_urls,
    grown,
    look_at_all,
    scrape,
)
from autoscaler.edges.observer import FleetObserver
from autoscaler.errors import NameServerError
from tests.autoscaler.states import options

PAGE = """# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{model_name="base"} 7.0
vllm:num_requests_running{model_name="lora"} 1.0
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{model_name="base"} 2.0
# TYPE vllm:generation_tokens counter
vllm:generation_tokens_total{model_name="base"} 5000.0
# TYPE vllm:prompt_tokens counter
vllm:prompt_tokens_total{model_name="base"} 900.0
# TYPE vllm:request_success counter
vllm:request_success_total{finished_reason="stop"} 8.0
vllm:request_success_total{finished_reason="length"} 2.0
"""


class Engines:
    """Engines that answer what they are told to."""

    def __init__(self, **samples: EngineSample | None) -> None:
        self.samples = samples

    def look(self, url: str) -> EngineSample | None:
        return self.samples.get(url)


def observer(engines: Engines) -> FleetObserver:
    urls = {Pool.INTERACTIVE: ["a", "b"], Pool.BATCH: ["c"]}
    return FleetObserver(urls, options(), 256.0, engines.look)


def test_a_page_of_metrics_is_summed_over_the_model_and_its_loras():
    assert EngineSample.from_text(PAGE) == EngineSample(8, 2, 5_000.0, 900.0, 10.0)


def test_an_engine_that_reports_under_a_loras_name_alone_is_an_engine_too():
    lines = [line for line in PAGE.splitlines() if "base" not in line]
    only = "\n".join([*lines, 'vllm:num_requests_waiting{model_name="lora"} 4.0', ""])
    assert EngineSample.from_text(only) == EngineSample(1, 4, 0.0, 0.0, 10.0)


@pytest.mark.parametrize(
    "text",
    ["", "not metrics {", PAGE.replace("num_requests_running", "lora_requests_info")],
)
def test_a_page_that_does_not_say_how_busy_the_engine_is_is_no_answer(text):
    assert EngineSample.from_text(text) is None


def test_a_url_is_one_engine_or_with_dns_before_it_one_for_each_address():
    assert engine_urls("http://a:8000/metrics") == ["http://a:8000/metrics"]
    assert "http://127.0.0.1:8000/metrics" in engine_urls("dns+http://localhost:8000/metrics")
    assert engine_urls("dns+http://127.0.0.1/metrics") == ["http://127.0.0.1:80/metrics"]
    assert engine_urls("dns+http://no-such-name.invalid:8000/metrics") == []


def test_an_engine_that_is_not_there_does_not_answer():
    assert scrape("http://127.0.0.1:9/metrics") is None


@pytest.mark.parametrize(
    "said", [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut", b"SSH-2.0-x\r\n"]
)
def test_an_engine_that_dies_in_its_answer_or_speaks_no_http_does_not_answer(said):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(said)

        Thread(target=serve, daemon=True).start()
        assert scrape(f"http://127.0.0.1:{server.getsockname()[1]}/metrics") is None


def test_a_patient_observer_waits_at_first_for_all_engines_but_not_for_ever():
    busy = EngineSample(4, 0, 0, 0, 0)
    engines = Engines(a=busy)
    urls = {Pool.INTERACTIVE: ["a", "b"]}
    waits = FleetObserver(urls, options(), 256.0, engines.look, patient=True)
    assert waits.observe(0.0) is None
    engines.samples["b"] = busy
    state = waits.observe(15.0)
    assert state is not None
    assert state.instances(Pool.INTERACTIVE).ready == 2
    gone = FleetObserver(urls, options(), 256.0, Engines(a=busy).look, patient=True)
    assert [gone.observe(15.0 * n) is None for n in range(4)] == [True, True, False, False]


def test_a_counter_that_fell_began_again():
    assert (grown(10, 15), grown(10, 4)) == (5, 4)


def test_before_any_request_ended_lengths_are_the_configured_one():
    state = observer(Engines(a=EngineSample(1, 4, 0, 0, 0))).observe(0.0)
    assert state is not None
    assert state.interactive.waiting.mean_tokens == 4 * 256
    assert state.knowledge is Knowledge.REQUESTS


def test_means_and_rates_come_from_what_ended_in_between_even_over_a_restart():
    engines = Engines(a=EngineSample(2, 0, 1_000, 100, 5), b=EngineSample(0, 0, 9_000, 900, 30))
    watching = observer(engines)
    watching.observe(0.0)
    engines.samples = {
        "a": EngineSample(4, 2, 3_000, 300, 15),
        "b": EngineSample(0, 0, 1_000, 0, 5),  # restarted: 5 since then
    }
    state = watching.observe(10.0)
    assert state is not None
    assert state.interactive.running == 4
    # 2,000 and 1,000 tokens of 10 and 5 requests, and twice the configured length.
    assert state.interactive.waiting.mean_tokens == pytest.approx(2 * (3_000 + 2 * 256) / 17)
    assert state.knowledge is Knowledge.LLM_MEAN
    assert state.interactive.forecast is not None
    assert state.interactive.forecast.mean_slots > 4 * math.exp(-60 / (0.084 * 200))


def test_while_no_engine_answers_the_state_grows_old_and_the_decision_holds():
    engines = Engines(a=EngineSample(50, 0, 0, 0, 0), b=EngineSample(50, 0, 0, 0, 0))
    watching = observer(engines)
    watching.observe(0.0)
    engines.samples = {}
    for now_s in (15.0, 30.0, 45.0, 60.0):
        state = watching.observe(now_s)
        assert state is not None
        assert decide(state, now_s, options()).pools[Pool.INTERACTIVE].wanted >= 2
    assert decide(state, 60.0, options()).held


def test_an_engine_that_misses_two_looks_counts_as_it_was_and_is_then_forgotten():
    engines = Engines(a=EngineSample(50, 0, 0, 0, 0), b=EngineSample(20, 0, 0, 0, 0))
    watching = observer(engines)
    watching.observe(0.0)
    engines.samples["b"] = None
    running = [watching.observe(15.0 * look).interactive.running for look in (1, 2, 3)]
    assert running == [70, 70, 50]


@pytest.fixture
def listed(monkeypatch):
    """The addresses that a name has, and the engines at them."""
    engines = Engines(a=EngineSample(50, 0, 0, 0, 0), b=EngineSample(20, 0, 0, 0, 0))
    addresses = ["a", "b"]
    monkeypatch.setattr("autoscaler.edges.observer.engine_urls", lambda _: list(addresses))
    urls = {Pool.INTERACTIVE: ["dns+http://vllm:8000/metrics"]}
    return engines, addresses, FleetObserver(urls, options(), 256.0, engines.look)


def test_an_engine_that_its_name_still_lists_is_slow_and_not_gone(listed):
    engines, addresses, watching = listed
    watching.observe(0.0)
    engines.samples["b"] = None
    for look in range(1, 20):
        state = watching.observe(15.0 * look)
        assert (state.interactive.running, state.instances(Pool.INTERACTIVE).ready) == (70, 2)
    addresses.remove("b")
    state = watching.observe(300.0)
    assert (state.interactive.running, state.instances(Pool.INTERACTIVE).ready) == (50, 1)


def test_an_engine_that_is_listed_and_has_not_answered_yet_is_an_instance_all_the_same(listed):
    engines, _, watching = listed
    engines.samples["b"] = None
    state = watching.observe(0.0)
    assert (state.interactive.running, state.instances(Pool.INTERACTIVE).ready) == (50, 2)


def test_what_came_while_an_engine_was_slow_is_no_flood_when_it_answers(listed):
    engines, _, watching = listed
    engines.samples["a"] = EngineSample(0, 0, 0, 0, 0)
    watching.observe(0.0)
    engines.samples["b"] = None
    for look in range(1, 10):
        watching.observe(15.0 * look)
    # 150 came in as many seconds: one a second, of which three tenths count at first.
    engines.samples["b"] = EngineSample(20, 0, 150 * 256, 0, 150)
    ahead = watching.observe(150.0).interactive.forecast
    stays = math.exp(-60 / (0.084 * 256))
    assert ahead.mean_slots == pytest.approx(20 * stays + 0.3 * 0.084 * 256 * (1 - stays), rel=0.02)


def test_an_engine_that_answers_every_other_look_has_the_same_rate(listed):
    engines, _, watching = listed
    for look in range(60):
        ended = 30 * look
        engines.samples["a"] = EngineSample(0, 0, 256 * ended, 0, ended)
        engines.samples["b"] = engines.samples["a"] if look % 2 == 0 else None
        watching.observe(15.0 * look)
    assert watching._arrivals_per_s == pytest.approx(2 * 2.0, rel=0.01)


def test_while_a_name_server_is_away_engines_are_asked_where_they_were(monkeypatch):
    resolved = {"dns+http://a": ["http://a:1"], "dns+http://b": ["http://b:1"]}

    def resolve(url: str) -> list[str]:
        if url not in resolved:
            raise NameServerError("the name server is away")
        return resolved[url]

    monkeypatch.setattr("autoscaler.edges.observer.engine_urls", resolve)
    running = {"http://a:1": 1, "http://b:1": 2}
    urls = {Pool.INTERACTIVE: ["dns+http://a"], Pool.BATCH: ["dns+http://b"]}
    watching = FleetObserver(
        urls, options(), 256.0, lambda url: EngineSample(running[url], 0, 0, 0, 0)
    )
    watching.observe(0.0)
    del resolved["dns+http://b"]
    running |= {"http://a:1": 5, "http://b:1": 7}
    watching.observe(10.0)
    assert watching.held_by_engine() == {"a:1": 5, "b:1": 7}


def test_engines_are_asked_together_and_not_one_after_another():
    all_asked = Barrier(LOOKS_AT_ONCE)

    def look(_: str) -> EngineSample:
        all_asked.wait(timeout=20)  # broken unless the others are asked meanwhile
        return EngineSample(1, 0, 0, 0, 0)

    urls = [str(n) for n in range(LOOKS_AT_ONCE)]
    state = FleetObserver({Pool.INTERACTIVE: urls}, options(), 256.0, look).observe(0.0)
    assert state is not None
    assert state.interactive.running == LOOKS_AT_ONCE


def test_no_more_engines_are_asked_at_once_than_a_bound_however_many_there_are():
    at_once, lock = [0, 0], Lock()
    some_asked = Barrier(LOOKS_AT_ONCE)

    def look(_: str) -> None:
        with lock:
            at_once[0] += 1
            at_once[1] = max(at_once)
        some_asked.wait(timeout=20)
        with lock:
            at_once[0] -= 1

    look_at_all([str(n) for n in range(3 * LOOKS_AT_ONCE)], look)
    assert at_once == [0, LOOKS_AT_ONCE]


def test_answers_stand_in_the_order_of_the_engines_in_whatever_order_they_come():
    answered = [Event() for _ in range(9)]

    def look(url: str) -> EngineSample:
        place = int(url)
        if place + 1 < len(answered):
            assert answered[place + 1].wait(timeout=20)
        answered[place].set()
        return EngineSample(place, 0, 0, 0, 0)

    found = look_at_all([str(n) for n in range(len(answered))], look)
    assert [(url, one.running) for url, one in found.items()] == [(str(n), n) for n in range(9)]


@pytest.mark.parametrize(("tokens", "low", "high"), [(9_000.0, 256, 2_000), (90.0, 90, 256)])
def test_a_mean_of_three_answers_lies_between_theirs_and_the_configured_one(tokens, low, high):
    lengths = MeanLengths(256.0)
    lengths.learn(EngineSample(50, 0, 0, 0, 0), EngineSample(50, 0, tokens, 0, 3))
    assert low < lengths.output_tokens < high


def test_of_many_answers_the_configured_length_is_nothing_in_their_mean():
    lengths = MeanLengths(256.0)
    lengths.learn(EngineSample(0, 0, 0, 0, 0), EngineSample(0, 0, 1_000_000.0, 0, 2_000))
    assert lengths.output_tokens == pytest.approx(500.0, rel=0.001)


def test_after_weeks_of_short_answers_a_days_long_ones_are_the_mean():
    lengths = MeanLengths(256.0)
    nothing = EngineSample(0, 0, 0, 0, 0)
    lengths.learn(nothing, EngineSample(0, 0, 1e8, 2e8, 1_000_000))
    assert lengths.output_tokens == pytest.approx(100.0, rel=0.01)
    for _ in range(40):
        lengths.learn(nothing, EngineSample(0, 0, 9e5, 4e5, 1_000))
    assert lengths.output_tokens == pytest.approx(900.0, rel=0.05)
    assert lengths.input_tokens == pytest.approx(400.0, rel=0.05)


def test_prompts_are_those_of_the_requests_that_began_though_few_of_them_have_ended():
    lengths = MeanLengths(256.0)
    lengths.learn(EngineSample(10, 0, 0, 0, 0), EngineSample(57, 0, 900, 50 * 400.0, 3))
    assert lengths.input_tokens == 400.0
    restarted = EngineSample(5, 0, 10, 5 * 400.0, 0)
    lengths.learn(EngineSample(57, 0, 900, 50 * 400.0, 3), restarted)
    assert lengths.input_tokens == 400.0


def test_nothing_is_known_before_any_engine_answered():
    assert observer(Engines()).observe(0.0) is None


def test_what_batch_engines_hold_is_due_after_the_standard_deadline():
    state = observer(Engines(c=EngineSample(10, 90, 0, 0, 0))).observe(100.0)
    assert state is not None
    assert state.batch[0].demand.requests == 100
    assert state.batch[0].deadline_s == 100.0 + 3_600
    assert state.interactive.running == 0
