"""A request gets its place in the queue on the way into the engine."""

from typing import Any

from scheduler_client.advisor import FallbackCause, Question
from scheduler_client.vllm_plugin.hints import HINT, Hint, encode_hint, wants_hints
from scheduler_client.vllm_plugin.runtime import Runtime
from scheduler_client.vllm_plugin.seams import Arguments, Engine
from scheduler_client.vllm_plugin.submission import Submission, is_core_request, read_submission


async def admit(runtime: Runtime, engine: Engine, arguments: Arguments) -> str | None:
    """Set the priority in the arguments of a call of add_request; in shadow mode only ask.

    No exception leaves this but a cancellation: where anything fails the request goes on by its
    arrival.

    Args:
        runtime: Of this process.
        engine: Called.
        arguments: Of the call; changed in place. Objects of the caller's are not.

    Returns:
        The id by which the request's end is awaited; None if it is not.
    """
    try:
        submission = read_submission(arguments, runtime.reader(engine.tokenizer), runtime.clock())
        question = _question(engine, arguments, submission)
        shadow = runtime.settings.shadow
        if engine.vllm_config.scheduler_config.policy != "priority" and not shadow:
            _, awaited = runtime.note(question, submission.answers)
        elif submission.priority != 0:
            runtime.metrics.untouched()
            _, awaited = runtime.note(question, submission.answers)
        elif (cause := _not_asked(submission)) is not None:
            # Left alone, but a 0 would go before every key that counts from 1970.
            runtime.metrics.fell_back(cause)
            key, awaited = runtime.note(question, submission.answers)
            _set_priority(runtime, arguments, key)
        else:
            awaited = await _place(runtime, engine, arguments, submission, question)
    except Exception:  # noqa: BLE001  see above
        runtime.trouble("choosing a priority")
        _set_priority(runtime, arguments, runtime.last_resort_key())
        return None
    return question.request_id if awaited else None


def _not_asked(submission: Submission) -> FallbackCause | None:
    """Why the predictor need not be asked; None if it is to be."""
    if submission.text is None:
        return "no_text"
    return "not_asked" if submission.max_tokens == 1 else None


async def _place(
    runtime: Runtime,
    engine: Engine,
    arguments: Arguments,
    submission: Submission,
    question: Question,
) -> bool:
    advice, awaited = await runtime.ask(question, submission.answers)
    _set_priority(runtime, arguments, advice.key)
    _keep_arrival(arguments, submission)
    if runtime.settings.shadow:
        return awaited
    scheduler_cls = engine.vllm_config.scheduler_config.scheduler_cls
    if runtime.settings.scheduler_hints and wants_hints(scheduler_cls):
        service_time = runtime.advisor.counters.service_time
        _add_hint(arguments, Hint(advice.predicted_tokens, advice.distribution, service_time))
    return awaited


def _question(engine: Engine, arguments: Arguments, submission: Submission) -> Question:
    lora = arguments.get("lora_request")
    served = engine.vllm_config.model_config.served_model_name
    return Question(
        request_id=submission.request_id,
        prompt=submission.text,
        model=lora.lora_name if lora is not None else served,
        max_tokens=submission.max_tokens,
        input_tokens=submission.input_tokens,
        arrival_s=submission.arrival_s,
        temperature=submission.temperature,
    )


def _set_priority(runtime: Runtime, arguments: Arguments, key: int) -> None:
    if runtime.settings.shadow:
        return
    if is_core_request(arguments["prompt"]):
        arguments["prompt"].priority = key  # vLLM reads it there, and owns the object by now
    else:
        arguments["priority"] = key


def _keep_arrival(arguments: Arguments, submission: Submission) -> None:
    """The wait for the predictor is part of the request's latency, in vLLM's metrics too."""
    prompt = arguments["prompt"]
    if not is_core_request(prompt) and not (isinstance(prompt, dict) and "arrival_time" in prompt):
        arguments["arrival_time"] = submission.arrival_s


def _add_hint(arguments: Arguments, hint: Hint) -> None:
    """Put the prediction into a copy of the caller's parameters."""
    holder: Any = arguments["prompt"]
    core = is_core_request(holder)
    params = (holder.sampling_params if core else arguments["params"]).clone()
    params.extra_args = {**(params.extra_args or {}), HINT: encode_hint(hint)}
    if core:
        holder.sampling_params = params
    else:
        arguments["params"] = params
