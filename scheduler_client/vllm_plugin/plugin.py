"""The plugin: a priority for every request, before the engine sees it.

vLLM calls `register` in each of its processes (entry point of vllm.general_plugins). It wraps
AsyncLLM.add_request, where the API server hands requests over: the prompt's text is there, chat
templates are rendered, and every kind of request passes.
"""

import functools
import inspect
import os
from collections.abc import Callable
from typing import Any, cast

from scheduler_client.vllm_plugin.admission import admit
from scheduler_client.vllm_plugin.log import LOGGER, warn_once
from scheduler_client.vllm_plugin.runtime import Runtime, start_runtime
from scheduler_client.vllm_plugin.seams import Collector

MARK = "__lengthwise__"
EXPECTED_FIRST = ("self", "request_id", "prompt", "params")
EXPECTED_NAMES = ("arrival_time", "lora_request", "priority")


def register() -> None:
    """Wrap the engine, if LENGTHWISE_TARGET is set; any number of calls does what one does.

    Raises:
        ValueError: If a LENGTHWISE_ variable has a bad value: that stops vLLM's start.
    """
    runtime = start_runtime(os.environ)
    if runtime is None:
        return
    try:
        from vllm.v1.engine.async_llm import AsyncLLM  # noqa: PLC0415  heavy, and maybe absent
    except ImportError as error:
        warn_once("import", "Lengthwise is off: this vLLM has no AsyncLLM (%s)", error)
        return
    wrap(cast("type[Any]", AsyncLLM), runtime)


def wrap(engine_class: type[Any], runtime: Runtime) -> bool:
    """Wrap the methods of an engine class, once.

    Returns:
        False if the class is not as expected: it is left as it is, and the log says why.
    """
    original = engine_class.add_request
    if getattr(original, MARK, False):
        return True
    if (trouble := signature_trouble(original)) is not None:
        warn_once(
            "signature",
            "Lengthwise is off: AsyncLLM.add_request of this vLLM %s; requests keep vLLM's own "
            "order (the middleware may still serve, see docs/vllm.md)",
            trouble,
        )
        return False
    engine_class.add_request = _wrapped_add_request(original, runtime)
    engine_class.abort = _wrapped_abort(engine_class.abort, runtime)
    runtime.wraps_engine = True
    return True


def signature_trouble(add_request: Callable[..., Any]) -> str | None:
    """What is unexpected of add_request, in words; None if nothing is."""
    if not inspect.iscoroutinefunction(add_request):
        return "is no coroutine"
    parameters = inspect.signature(add_request).parameters
    names = tuple(parameters)
    if names[: len(EXPECTED_FIRST)] != EXPECTED_FIRST:
        return f"begins with {', '.join(names[:4])}, not with {', '.join(EXPECTED_FIRST)}"
    if missing := [name for name in EXPECTED_NAMES if name not in names]:
        return f"takes no {', '.join(missing)}"
    if parameters["priority"].default != 0:
        return f"has the default priority {parameters['priority'].default!r}, not 0"
    return None


def _wrapped_add_request(original: Callable[..., Any], runtime: Runtime) -> Callable[..., Any]:
    signature = inspect.signature(original)

    @functools.wraps(original)
    async def add_request(*args: Any, **kwargs: Any) -> Collector:
        call = signature.bind(*args, **kwargs)
        request_id = await admit(runtime, call.arguments["self"], call.arguments)
        try:
            collector: Collector = await original(*call.args, **call.kwargs)
        except BaseException:
            if request_id is not None:
                runtime.forget(request_id)
            raise
        if request_id is not None:
            _note_internal_id(runtime, request_id, collector)
        return collector

    setattr(add_request, MARK, True)
    return add_request


def _note_internal_id(runtime: Runtime, request_id: str, collector: Collector) -> None:
    try:
        runtime.open_requests.added(request_id, collector.request_id)
    except Exception:  # noqa: BLE001  the request is in the engine by now
        runtime.trouble("noting the engine's id of a request")


def _wrapped_abort(original: Callable[..., Any], runtime: Runtime) -> Callable[..., Any]:
    signature = inspect.signature(original)
    if not {"request_id", "internal"} <= signature.parameters.keys():
        return original  # then aborted requests are forgotten with time

    @functools.wraps(original)
    async def abort(*args: Any, **kwargs: Any) -> Any:
        call = signature.bind(*args, **kwargs)
        given = call.arguments["request_id"]
        ids = [given] if isinstance(given, str) else list(given)  # it may be read only once
        call.arguments["request_id"] = ids
        try:
            internal = bool(call.arguments.get("internal", False))
            for known in runtime.open_requests.aborted(ids, internal=internal):
                runtime.advisor.forget(known)
        except Exception:  # noqa: BLE001  an abort must reach the engine
            runtime.trouble("forgetting an aborted request")
        return await original(*call.args, **call.kwargs)

    return abort


def say_start(runtime: Runtime, policy: str) -> None:
    """One line at the start of each API server."""
    if runtime.said_start or not runtime.wraps_engine:
        return
    runtime.said_start = True
    if runtime.settings.shadow:
        LOGGER.info(
            "Lengthwise is in shadow: %s predicts lengths, priorities are left as they are",
            runtime.settings.target,
        )
        return
    if policy != "priority":
        LOGGER.warning(
            "Lengthwise has no effect: the engine runs --scheduling-policy %s, which ignores "
            "priorities, so the predictor is not asked; start vLLM with --scheduling-policy "
            "priority",
            policy,
        )
        return
    LOGGER.info(
        "Lengthwise is on: %s predicts lengths, rule %s, deadline %g ms",
        runtime.settings.target,
        runtime.settings.rule,
        runtime.settings.deadline_s * 1e3,
    )
