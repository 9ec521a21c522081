"""The scheduler class inside a real engine, in this process, step by step."""

import gc
import time

import pytest
from vllm import LLM, SamplingParams
from vllm.distributed import cleanup_dist_env_and_memory

from lengthwise.length_distribution import LengthDistribution
from lengthwise.scheduling.service_time import ServiceTimeModel
from scheduler_client.vllm_plugin.hints import HINT, Hint, encode_hint
from scheduler_client.vllm_plugin.offline import generate_shortest_first

LONG, SHORT = "once upon a time there was", "yes or no"
LONG_TOKENS, SHORT_TOKENS = 200, 6
SPEED = ServiceTimeModel(0.0, 0.02, 0.0)


@pytest.fixture(scope="module", params=[False, True], ids=["no prefix cache", "prefix cache"])
def llm(model, request):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
        patch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
        patch.setenv("HF_HUB_OFFLINE", "1")
        made = LLM(
            str(model),
            max_num_seqs=1,
            enforce_eager=True,
            # With bfloat16 a random model's best two tokens tie now and then.
            dtype="float32",
            scheduling_policy="priority",
            scheduler_cls="scheduler_client.vllm_plugin.scheduler.LengthwiseScheduler",
            enable_prefix_caching=request.param,
            disable_log_stats=False,
        )
        yield made
        made.llm_engine.engine_core.shutdown()
        del made
        gc.collect()
        cleanup_dist_env_and_memory()


@pytest.fixture(autouse=True)
def fresh(llm):
    llm.reset_prefix_cache()


def scheduler_of(llm):
    return llm.llm_engine.engine_core.engine_core.scheduler


def add(llm, name, prompt, tokens, *, predicted=None, key=0):
    """Add a request, with a hint if a length is given for it."""
    extra_args = None
    if predicted is not None:
        spread = LengthDistribution((0.0, 0.5, 1.0), (0.8 * predicted, predicted, 1.2 * predicted))
        extra_args = {HINT: encode_hint(Hint(predicted, spread, SPEED))}
    params = SamplingParams(
        temperature=0, max_tokens=tokens, ignore_eos=True, extra_args=extra_args
    )
    llm.llm_engine.add_request(name, prompt, params, arrival_time=time.time(), priority=key)


def run(llm, *, steps=None) -> list[tuple[str, list[int]]]:
    """Step so often, or until all have ended: names and tokens in the order of their ends."""
    ended = []
    while llm.llm_engine.has_unfinished_requests() and steps != 0:
        outputs = llm.llm_engine.step()
        ended += [(o.request_id, list(o.outputs[0].token_ids)) for o in outputs if o.finished]
        steps = None if steps is None else steps - 1
    return ended


def alone(llm, prompt, tokens) -> list[int]:
    """The answer that vLLM's own scheduler gives: without hints nothing is preempted."""
    add(llm, "alone", prompt, tokens)
    ((_, answer),) = run(llm)
    return answer


def preemptions(llm) -> dict[str, int]:
    return {name: request.num_preemptions for name, request in scheduler_of(llm).requests.items()}


def test_a_much_shorter_request_takes_the_place_of_a_long_one_and_answers_stay_the_same(llm):
    expected = [alone(llm, SHORT, SHORT_TOKENS), alone(llm, LONG, LONG_TOKENS)]
    add(llm, "long", LONG, LONG_TOKENS, predicted=200.0, key=100)
    run(llm, steps=50)
    add(llm, "short", SHORT, SHORT_TOKENS, predicted=6.0, key=2)
    run(llm, steps=1)
    assert [n.split("-")[0] for n, times in preemptions(llm).items() if times] == ["long"]
    ended = run(llm)
    assert [name for name, _ in ended] == ["short", "long"]
    assert [answer for _, answer in ended] == expected


def test_one_is_preempted_no_more_often_than_the_cap(llm):
    expected = alone(llm, LONG, LONG_TOKENS)
    add(llm, "long", LONG, LONG_TOKENS, predicted=200.0, key=100)
    ended = []
    for number in range(6):
        ended += run(llm, steps=15)
        add(llm, f"short {number}", SHORT, SHORT_TOKENS, predicted=6.0, key=2 + number)
        ended += run(llm, steps=3)
    (times,) = [t for name, t in preemptions(llm).items() if name.startswith("long")]
    assert times == 3
    ended += run(llm)
    assert dict(ended)["long"] == expected


def test_a_little_shorter_one_waits(llm):
    add(llm, "long", LONG, 60, predicted=60.0, key=100)
    run(llm, steps=10)
    add(llm, "not much shorter", SHORT, 40, predicted=40.0, key=0)
    assert [name for name, _ in run(llm)] == ["long", "not much shorter"]


def test_what_was_not_predicted_is_not_preempted(llm):
    add(llm, "the caller's own priority", LONG, 60, key=100)
    run(llm, steps=10)
    add(llm, "short", SHORT, 6, predicted=6.0, key=2)
    assert [name for name, _ in run(llm)] == ["the caller's own priority", "short"]


def test_after_a_fault_of_ours_it_goes_on_as_vllms_own(llm, monkeypatch):
    preempting = scheduler_of(llm)._preempting
    monkeypatch.setattr(preempting, "_decide", None)  # calling it raises
    monkeypatch.setattr(preempting, "_on", True)  # restored at the end
    add(llm, "long", LONG, 60, predicted=60.0, key=100)
    run(llm, steps=10)
    add(llm, "short", SHORT, 6, predicted=6.0, key=2)
    assert [name for name, _ in run(llm)] == ["long", "short"]
    assert not preempting._on


def test_the_helper_for_the_llm_class_runs_a_real_one(llm, predictor):
    prompts = ["tell me a long story about the sea", "hi"]
    params = SamplingParams(temperature=0, max_tokens=5, ignore_eos=True)
    outputs = generate_shortest_first(llm, prompts, params, target=predictor.target, use_tqdm=False)
    assert [output.prompt for output in outputs] == prompts
    assert all(len(output.outputs[0].token_ids) == 5 for output in outputs)
