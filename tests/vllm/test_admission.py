"""What becomes of a call of AsyncLLM.add_request, without an engine."""

from types import SimpleNamespace

import pytest
from vllm import PoolingParams, SamplingParams
from vllm.lora.request import LoRARequest
from vllm.v1.engine import EngineCoreRequest

from scheduler_client.vllm_plugin.admission import admit
from scheduler_client.vllm_plugin.hints import HINT, decode_hint
from tests.vllm.fakes import DISTRIBUTION, Words, engine

SCHEDULER = "scheduler_client.vllm_plugin.scheduler.LengthwiseScheduler"


def call(prompt, params=None, **more):
    return {
        "request_id": "r1",
        "prompt": prompt,
        "params": params or SamplingParams(max_tokens=50),
        **more,
    }


def core_request(priority=0, **more):
    fields = {
        "request_id": "core",
        "prompt_token_ids": [0, 1],
        "mm_features": None,
        "sampling_params": SamplingParams(max_tokens=9),
        "pooling_params": None,
        "arrival_time": 77.0,
        "lora_request": None,
        "cache_salt": None,
        "data_parallel_rank": None,
        "priority": priority,
    }
    return EngineCoreRequest(**(fields | more))


async def test_a_rendered_prompt_is_asked_about_by_its_text(runtime):
    arguments = call({"type": "token", "prompt": "hello", "prompt_token_ids": [1, 2, 3]})
    assert await admit(runtime, engine(), arguments) == "r1"
    assert arguments["priority"] == 5
    (question,) = runtime.advisor.questions
    assert (question.prompt, question.model, question.max_tokens) == ("hello", "llm", 50)
    assert question.input_tokens == 3


async def test_what_is_asked_says_the_temperature(runtime):
    await admit(runtime, engine(), call("hello", SamplingParams(temperature=0)))
    assert runtime.advisor.questions[0].temperature == 0


async def test_parameters_without_a_temperature_leave_it_unknown(runtime):
    params = SimpleNamespace(n=1, max_tokens=5)
    await admit(runtime, engine(), call("hello", params))
    assert runtime.advisor.questions[0].temperature is None


async def test_token_ids_are_decoded_without_special_tokens(runtime):
    tokenizer = Words("<s>", "good", "day")
    arguments = call({"type": "token", "prompt_token_ids": [0, 1, 2]})
    await admit(runtime, engine(tokenizer=tokenizer), arguments)
    assert runtime.advisor.questions[0].prompt == "good day"


async def test_the_marks_of_a_chat_template_are_left_out(runtime):
    arguments = call({"type": "token", "prompt": "<s>user\nhi</s>", "prompt_token_ids": [0]})
    await admit(runtime, engine(tokenizer=Words("<s>")), arguments)
    assert runtime.advisor.questions[0].prompt == "user\nhi"


async def test_of_a_very_long_list_of_ids_head_and_tail_are_decoded(runtime):
    tokenizer = Words("head", "middle", "tail")
    ids = [0] * 3000 + [1] * 10 + [2] * 3000
    await admit(runtime, engine(tokenizer=tokenizer), call(ids))
    (question,) = runtime.advisor.questions
    assert set(question.prompt.split()) == {"head", "tail"}
    assert question.input_tokens == 6010


async def test_of_a_very_long_text_head_and_tail_are_sent(runtime):
    await admit(runtime, engine(), call("head " + "middle " * 20_000 + "tail"))
    (question,) = runtime.advisor.questions
    assert question.prompt.startswith("head")
    assert question.prompt.endswith("tail")
    assert len(question.prompt) < 70_000


async def test_a_priority_that_the_caller_set_wins(runtime):
    arguments = call("hello", priority=-3)
    assert await admit(runtime, engine(), arguments) == "r1"
    assert arguments["priority"] == -3
    assert not runtime.advisor.questions
    assert runtime.metrics.counts == {"untouched": 1}


@pytest.mark.parametrize(
    ("prompt", "params"),
    [
        ({"type": "token", "prompt_token_ids": [1]}, PoolingParams(task="embed")),
        ({"type": "multimodal", "prompt": "see", "prompt_token_ids": [1], "mm_kwargs": {}}, None),
        ({"type": "embeds", "prompt_embeds": object()}, None),
        ({"prompt": "see", "multi_modal_data": {"image": object()}}, None),
        ((_ for _ in ()), None),
    ],
)
async def test_what_is_not_text_is_left_alone_but_does_not_jump_the_queue(runtime, prompt, params):
    arguments = call(prompt, params, arrival_time=123.0)
    await admit(runtime, engine(), arguments)
    assert arguments["priority"] == 123_000_000
    assert not runtime.advisor.questions
    assert runtime.metrics.counts == {"no_text": 1}


async def test_a_core_request_gets_its_priority_where_vllm_reads_it(runtime):
    request = core_request()
    arguments = call(request, request.sampling_params, prompt_text="four")
    assert await admit(runtime, engine(), arguments) == "core"
    assert request.priority == 4
    assert runtime.advisor.questions[0].arrival_s == 77.0


async def test_a_core_request_keeps_the_priority_that_the_caller_set(runtime):
    request = core_request(priority=8)
    await admit(runtime, engine(), call(request, prompt_text="four"))
    assert request.priority == 8


async def test_of_a_single_token_nothing_is_asked_or_awaited(runtime):
    arguments = call("hello", SamplingParams(max_tokens=1))
    assert await admit(runtime, engine(), arguments) is None
    assert arguments["priority"] == 1000_000_000
    assert not runtime.advisor.questions
    assert runtime.metrics.counts == {"not_asked": 1}


async def test_a_lora_is_asked_about_by_its_name(runtime):
    lora = LoRARequest("poet", 1, "/nowhere")
    await admit(runtime, engine(), call("hello", lora_request=lora))
    assert runtime.advisor.questions[0].model == "poet"


async def test_the_wait_for_the_predictor_counts_from_the_arrival(runtime):
    arguments = call("hello")
    await admit(runtime, engine(), arguments)
    assert arguments["arrival_time"] == 1000.0
    arguments = call({"type": "token", "prompt": "x", "prompt_token_ids": [1], "arrival_time": 5.0})
    await admit(runtime, engine(), arguments)
    assert "arrival_time" not in arguments  # vLLM takes it from the prompt
    assert runtime.advisor.questions[1].arrival_s == 5.0


async def test_under_fcfs_nothing_is_asked_or_changed_but_the_end_is_awaited(runtime):
    arguments = call("hello")
    assert await admit(runtime, engine(policy="fcfs"), arguments) == "r1"
    assert "priority" not in arguments
    assert not runtime.advisor.questions
    assert runtime.advisor.noted[0].prompt == "hello"


async def test_the_end_of_a_pooling_request_is_not_awaited(runtime):
    arguments = call({"type": "token", "prompt_token_ids": [1]}, PoolingParams(task="embed"))
    assert await admit(runtime, engine(), arguments) is None
    assert runtime.advisor.forgotten == ["r1"]


async def test_a_fault_of_ours_leaves_the_request_in_order_of_arrival(runtime):
    runtime.advisor.error = RuntimeError("a fault")
    arguments = call("hello")
    assert await admit(runtime, engine(), arguments) is None
    assert arguments["priority"] == 1000_000_000
    assert runtime.metrics.counts == {"internal_error": 1}


async def test_the_scheduler_class_gets_the_distribution_in_a_copy_of_the_parameters(runtime):
    params = SamplingParams(max_tokens=50, extra_args={"theirs": 1})
    arguments = call("hello", params)
    await admit(runtime, engine(scheduler_cls=SCHEDULER), arguments)
    assert params.extra_args == {"theirs": 1}
    passed_on = arguments["params"].extra_args
    assert passed_on["theirs"] == 1
    hint = decode_hint(passed_on)
    assert (hint.expected_tokens, hint.distribution) == (5.0, DISTRIBUTION)


async def test_vllms_own_scheduler_gets_no_hints(runtime):
    arguments = call("hello")
    await admit(runtime, engine(), arguments)
    assert HINT not in (arguments["params"].extra_args or {})


async def test_of_two_requests_with_one_id_neither_ends_as_the_other(runtime):
    assert await admit(runtime, engine(), call("hello")) == "r1"
    assert await admit(runtime, engine(), call("good morning")) is None
    first, second = runtime.advisor.questions
    assert first.request_id != second.request_id
    assert runtime.advisor.forgotten == [second.request_id]
