"""What AsyncLLM.add_request is given, read into what the advisor needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from lengthwise.request import known_temperature
from scheduler_client.vllm_plugin.prompt_text import PromptText
from scheduler_client.vllm_plugin.seams import Arguments

NOT_TEXT = ("mm_kwargs", "multi_modal_data", "prompt_embeds", "encoder_prompt")
"""Keys of a prompt that is more than text: its length is not predicted."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A request on its way into the engine.

    Args:
        request_id: By which the engine will tell its end.
        priority: That the caller set; 0 if none.
        arrival_s: When the API server got it, in seconds since 1970.
        text: Of the prompt; None where there is none, or where the request is left alone.
        input_tokens: Of the prompt; 0 if they are not counted yet.
        max_tokens: The limit on generated tokens, if there is one.
        temperature: Of the sampling; None if unknown.
        answers: How many are wanted (`n`) whose length says something: 0 for pooling, and where
            one token is all that may come (scores, the steps of a beam search).
    """

    request_id: str
    priority: int
    arrival_s: float
    text: str | None
    input_tokens: int
    max_tokens: int | None
    temperature: float | None
    answers: int


def read_submission(arguments: Arguments, reader: PromptText, now_s: float) -> Submission:
    """Read the arguments of a call of add_request.

    Pooling requests, prompts with images or other media, prompts given as embeddings, and prompts
    that come as a stream are left alone: they have no text here.

    Args:
        arguments: By name.
        reader: Of the engine's tokenizer.
        now_s: In seconds since 1970.
    """
    prompt = arguments["prompt"]
    core = is_core_request(prompt)
    params = prompt.params if core else arguments["params"]
    generates = hasattr(params, "n") and hasattr(params, "max_tokens")
    text, token_ids = _parts(prompt, arguments.get("prompt_text")) if generates else (None, None)
    return Submission(
        request_id=prompt.request_id if core else arguments["request_id"],
        priority=prompt.priority if core else arguments.get("priority", 0),
        arrival_s=_arrival_s(prompt, arguments, now_s),
        text=reader.of(text, token_ids),
        input_tokens=len(token_ids or ()),
        max_tokens=params.max_tokens if generates else None,
        temperature=known_temperature(getattr(params, "temperature", None)),
        answers=params.n if generates and params.max_tokens != 1 else 0,
    )


def is_core_request(prompt: Any) -> bool:
    """Whether a prompt is a whole EngineCoreRequest, which vLLM still takes."""
    return hasattr(prompt, "mm_features") and hasattr(prompt, "external_req_id")


def _parts(prompt: Any, prompt_text: str | None) -> tuple[str | None, Sequence[int] | None]:
    """Text and token ids, as far as they are there; neither of a stream."""
    if isinstance(prompt, str):
        return prompt, None
    if isinstance(prompt, list):
        return prompt_text, cast("list[int]", prompt)
    if is_core_request(prompt):
        known = prompt.prompt_embeds is None and not prompt.mm_features
        return (prompt_text, prompt.prompt_token_ids) if known else (None, None)
    if isinstance(prompt, Mapping):
        fields = cast("Mapping[str, Any]", prompt)
        if all(fields.get(name) is None for name in NOT_TEXT):
            return fields.get("prompt") or prompt_text, fields.get("prompt_token_ids")
    return None, None


def _arrival_s(prompt: Any, arguments: Arguments, now_s: float) -> float:
    if is_core_request(prompt):
        return prompt.arrival_time
    if (given := arguments.get("arrival_time")) is not None:
        return given
    if isinstance(prompt, Mapping):  # the renderer notes when the request came
        return cast("Mapping[str, Any]", prompt).get("arrival_time", now_s)
    return now_s
