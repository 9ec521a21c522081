"""Shortest first for vLLM's `LLM` class, where all prompts are there at once.

Made with `LLM(model, scheduling_policy="priority")`, `generate_shortest_first(llm, prompts, ...)`
takes the place of `llm.generate(prompts, ...)`.
"""

import os
from collections.abc import Sequence
from statistics import median
from typing import Any, Unpack
from uuid import uuid4

from lengthwise.prediction import Prediction
from lengthwise.request import (
    CompletedRequest,
    PredictionQuery,
    QueryOptions,
    SamplingOptions,
    as_query,
    known_temperature,
)
from lengthwise.scheduling.keys import shortest_first_key
from scheduler_client.advisor.settings import AdvisorSettings
from scheduler_client.client import LengthPredictorClient
from scheduler_client.errors import LengthPredictorError
from scheduler_client.vllm_plugin.log import LOGGER
from scheduler_client.vllm_plugin.plugin import is_on

TIMEOUT_S = 30.0
"""Of each message of up to 256 prompts: nobody waits for the first token of a batch job."""


def generate_shortest_first(
    llm: Any,
    prompts: Sequence[str],
    sampling_params: Any = None,
    *,
    target: str | None = None,
    report: bool = True,
    **options: Any,
) -> list[Any]:
    """`llm.generate`, with the shortest predicted answer first; outputs in the prompts' order.

    Where nothing answers the prompts are run in their own order (or as the plugin has it, where
    that is on), and the log says so.

    Args:
        llm: vLLM's, made with scheduling_policy="priority", without which priorities are ignored.
        prompts: Texts as the LLM is to read them, chat templates rendered.
        sampling_params: One for all prompts, or a list with one for each; handed to `llm.generate`.
        target: Address of the predictor; None takes LENGTHWISE_TARGET. What it is shown, and the
            LLM's name in its history, the other LENGTHWISE_ variables say, as for the plugin.
        report: Report the true lengths to the predictor afterwards.
        options: Further arguments of `llm.generate`, handed to it.

    Raises:
        ValueError: If there is no target, a variable has a bad value, or the engine ignores
            priorities.
    """
    named = {"LENGTHWISE_TARGET": target} if target else {}
    settings = AdvisorSettings.from_environment({**os.environ, **named})
    if settings is None:
        raise ValueError("no predictor: expected target=HOST:PORT or LENGTHWISE_TARGET to be set")
    policy = llm.llm_engine.vllm_config.scheduler_config.policy
    if policy != "priority":
        raise ValueError(
            f"the engine's scheduling_policy is {policy!r}, which ignores priorities: expected "
            'LLM(..., scheduling_policy="priority")'
        )
    model = settings.model or llm.llm_engine.vllm_config.model_config.served_model_name
    # Of a list of parameters, one for each prompt, there is no one limit or temperature.
    sampling: SamplingOptions = {
        "max_tokens": getattr(sampling_params, "max_tokens", None),
        "temperature": known_temperature(getattr(sampling_params, "temperature", None)),
    }
    with LengthPredictorClient(
        settings.target, access=settings.access, use_proxy=settings.use_proxy
    ) as client:
        priorities = predicted_priorities(client, prompts, model=model, **sampling)
        outputs = llm.generate(prompts, sampling_params, priority=priorities, **options)
        if report and not is_on():  # the plugin reports by itself
            _report(client, prompts, outputs, model, sampling)
    return outputs


def predicted_priorities(
    client: LengthPredictorClient, prompts: Sequence[str], **options: Unpack[QueryOptions]
) -> list[int]:
    """A priority for each prompt, for `llm.generate(priority=...)`: shortest first.

    A prompt that was not predicted takes the median of the others.

    Args:
        client: Asked for all lengths, in messages of up to 256 prompts.
        prompts: Texts, in the order in which the priorities come back.
        options: Fields of each prompt's PredictionQuery: the model, the conditions of the sampling.
    """
    # No neighbour is shown to anyone: none need be sent.
    queries = [as_query(PredictionQuery(text, neighbour_count=0), **options) for text in prompts]
    try:
        outcomes = client.predict_many(queries, timeout_s=TIMEOUT_S)
    except LengthPredictorError as error:
        LOGGER.warning("Lengthwise: no predictions, prompts run as they came: %s", error)
        return [0] * len(prompts)
    lengths = [o.expected_tokens if isinstance(o, Prediction) else None for o in outcomes]
    typical = median([tokens for tokens in lengths if tokens is not None] or [0.0])
    # Without input tokens a service time is so many times the length: its order is that of lengths.
    return [shortest_first_key(typical if tokens is None else tokens) for tokens in lengths]


def _report(
    client: LengthPredictorClient,
    prompts: Sequence[str],
    outputs: Sequence[Any],
    model: str,
    sampling: SamplingOptions,
) -> None:
    run = uuid4().hex  # the engine counts its requests from 0 in every process
    completions = [
        CompletedRequest(
            f"{run}-{number}-{answer.index}",
            len(answer.token_ids),
            prompt,
            finish_reason=answer.finish_reason,
            model=model,
            **sampling,
        )
        for number, (prompt, output) in enumerate(zip(prompts, outputs, strict=True))
        for answer in output.outputs
        if answer.finish_reason in ("length", "stop")
    ]
    try:
        client.report(completions)
    except LengthPredictorError as error:
        LOGGER.warning("Lengthwise: true lengths were not reported: %s", error)
