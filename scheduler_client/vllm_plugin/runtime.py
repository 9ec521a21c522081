"""What the plugin's parts share in one process."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from scheduler_client.advisor import Advice, AdvisorSettings, Ending, Question
from scheduler_client.vllm_plugin.log import log_with_vllm, warn_once
from scheduler_client.vllm_plugin.open_requests import OpenRequests
from scheduler_client.vllm_plugin.prompt_text import PromptText
from scheduler_client.vllm_plugin.seams import Tokenizer

if TYPE_CHECKING:
    from scheduler_client.advisor import Advisor
    from scheduler_client.vllm_plugin.metrics import PluginMetrics

FOLLOW_EVERY_S = 1.0
"""How often the advisor's counters are taken over while nothing ends."""


class Runtime:
    """The advisor, its metrics and the requests it knows.

    The advisor and the metrics are made at the first use: vLLM loads plugins in processes that
    serve no requests, and may fork after it.

    Args:
        settings: From the environment.
        clock: Wall clock, in seconds since 1970: keys of several API servers share it.
    """

    def __init__(
        self, settings: AdvisorSettings, *, clock: Callable[[], float] = time.time
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.open_requests = OpenRequests()
        self.wraps_engine = False
        self.said_start = False
        self._reader = PromptText(None)
        self._followed_s = 0.0

    @cached_property
    def advisor(self) -> "Advisor":
        """Asks the predictor; belongs to the API server's event loop."""
        from scheduler_client.advisor import Advisor  # noqa: PLC0415  imports grpc

        return Advisor(self.settings)

    @cached_property
    def metrics(self) -> "PluginMetrics":
        """This process's."""
        from scheduler_client.vllm_plugin.metrics import PluginMetrics  # noqa: PLC0415  vLLM's own

        return PluginMetrics()

    def reader(self, tokenizer: Tokenizer | None) -> PromptText:
        """Of the engine's tokenizer."""
        if self._reader.tokenizer is not tokenizer:
            self._reader = PromptText(tokenizer)
        return self._reader

    async def ask(self, question: Question, answers: int) -> tuple[Advice, bool]:
        """Ask for advice.

        Args:
            question: Of a request.
            answers: How many it wants (`n`).

        Returns:
            The advice, and whether the request's end is awaited: not where another request carries
            the same id at the time.
        """
        question, awaited = self._open(question, answers)
        try:
            advice = await self.advisor.advise(question)
        except BaseException:
            self.forget(question.request_id)
            raise
        if not awaited:
            self.advisor.forget(question.request_id)
        self.metrics.advised(advice)
        return advice, awaited

    def note(self, question: Question, answers: int) -> tuple[int, bool]:
        """Remember a request for its end without asking.

        Args:
            question: As for `ask`.
            answers: As for `ask`; 0 if nothing is generated, so that its end teaches nothing.

        Returns:
            A key made of the LLM's typical length, and whether the request's end is awaited.
        """
        question, awaited = self._open(question, answers) if answers else (question, False)
        self.advisor.start()
        key = self.advisor.fallback_key(question)
        if not awaited:
            self.advisor.forget(question.request_id)
        return key, awaited

    def _open(self, question: Question, answers: int) -> tuple[Question, bool]:
        if self.open_requests.open(question.request_id, answers):
            return question, True
        return replace(question, request_id=f"{question.request_id} again {id(question)}"), False

    def forget(self, request_id: str) -> None:
        """A request did not get into the engine, or left it without an end."""
        self.open_requests.close(request_id)
        self.advisor.forget(request_id)

    def ended(self, ending: Ending) -> None:
        """An answer ended."""
        if (whole := self.open_requests.ended(ending)) is not None:
            self.advisor.finished(whole)

    def follow(self, *, at_once: bool) -> None:
        """Bring the metrics up to date, at the most once in a while unless `at_once`."""
        now_s = time.monotonic()
        if at_once or now_s - self._followed_s >= FOLLOW_EVERY_S:
            self._followed_s = now_s
            self.metrics.follow(self.advisor.counters)

    def last_resort_key(self) -> int:
        """A key that cannot fail: first come, first served."""
        return round(self.clock() * 1e6)

    def trouble(self, where: str) -> None:
        """Swallow the exception that is being handled: said once, and counted."""
        warn_once(where, "Lengthwise: %s failed; requests go on without it", where, traceback=True)
        with suppress(Exception):  # it may be the metrics that fail
            self.metrics.internal_error()


class _Process:
    """The one runtime of this process; None while Lengthwise is off."""

    runtime: Runtime | None = None


def start_runtime(env: Mapping[str, str]) -> Runtime | None:
    """The runtime of this process, made at the first call.

    Returns:
        None if LENGTHWISE_TARGET is unset or empty: then Lengthwise is off.

    Raises:
        ValueError: If a LENGTHWISE_ variable has a bad value.
    """
    if _Process.runtime is None and (settings := AdvisorSettings.from_environment(env)):
        _Process.runtime = Runtime(settings)
        log_with_vllm()
    return _Process.runtime
