"""The callback that LiteLLM's proxy loads: it asks before a call, and reports after it.

In the proxy's configuration:

    litellm_settings:
      callbacks: scheduler_client.gateways.litellm_callback.lengthwise

Without LENGTHWISE_TARGET it does nothing. Whatever goes wrong in it goes no further: an exception
in a callback would be the caller's 500.
"""

# LiteLLM is the host, not a dependency, so its modules are not there to be checked against.
# pyright: reportMissingImports=false, reportUntypedBaseClass=false

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from litellm.integrations.custom_logger import CustomLogger

from scheduler_client.advisor.rate_limited_log import RateLimitedLog
from scheduler_client.gateways.litellm_advisor import LitellmAdvisor
from scheduler_client.gateways.litellm_call import (
    FAILED,
    added_to,
    answering_model,
    metadata_of,
    read_call,
    read_ending,
)
from scheduler_client.gateways.litellm_settings import LitellmSettings
from scheduler_client.gateways.priorities import FIELDS_OF_ENGINE

ID = "litellm_call_id"
"""The same before a call, after it, and in each of its retries and fallbacks."""


class LengthwiseCallback(CustomLogger):
    """Sets priorities on calls that generate text, and reports their true lengths.

    Args:
        settings: As read when the proxy starts; without any it does nothing.
    """

    def __init__(self, settings: LitellmSettings | None) -> None:
        super().__init__()
        self._settings = settings
        self._log = RateLimitedLog(time.monotonic)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._advisor: LitellmAdvisor | None = None

    async def async_pre_call_hook(
        self, user_api_key_dict: Any, cache: Any, data: dict[str, Any], call_type: str
    ) -> dict[str, Any]:
        """Add a priority to a call before LiteLLM sends it on; it waits within the deadline."""
        del user_api_key_dict, cache
        try:
            data.update(await self._added(data, call_type))
        except Exception as error:  # noqa: BLE001  the call goes on as it is
            self._log.fault("choosing a priority for LiteLLM", error)
        return data

    async def async_log_success_event(
        self, kwargs: Mapping[str, Any], response_obj: Any, start_time: Any, end_time: Any
    ) -> None:
        """Take in the end of a call; a client that left is among the successes."""
        del response_obj, start_time, end_time
        payload = kwargs.get("standard_logging_object")
        if payload is None:
            return

        def tell(advisor: LitellmAdvisor) -> None:
            answered_by = answering_model(payload, metadata_of(kwargs))
            advisor.ended(_id_of(kwargs), read_ending(payload), answered_by=answered_by)

        self._tell(tell)

    async def async_post_call_failure_hook(
        self,
        request_data: Mapping[str, Any],
        original_exception: Exception,
        user_api_key_dict: Any,
        traceback_str: str | None = None,
    ) -> None:
        """Forget a call that failed, when no retry and no fallback is left."""
        del original_exception, user_api_key_dict, traceback_str
        self._tell(lambda advisor: advisor.ended(_id_of(request_data), FAILED))

    async def _added(self, data: dict[str, Any], call_type: str) -> dict[str, dict[str, Any]]:
        settings, call = self._settings, read_call(data, call_type)
        if settings is None or call is None or not settings.covers(call.model):
            return {}
        placed = await self._here(settings).place(_id_of(data), call)
        if settings.advisor.shadow:
            return {}
        return added_to(data, FIELDS_OF_ENGINE[settings.engine](placed))

    def _here(self, settings: LitellmSettings) -> LitellmAdvisor:
        """The advisor of the event loop that runs."""
        loop = asyncio.get_running_loop()
        if self._advisor is None or self._loop is not loop:
            self._loop, self._advisor = loop, LitellmAdvisor(settings.advisor, self._log)
        return self._advisor

    def _tell(self, what: Callable[[LitellmAdvisor], None]) -> None:
        """Have the advisor told on its own event loop, whichever LiteLLM calls back on."""
        advisor, loop = self._advisor, self._loop
        if advisor is None or loop is None:
            return

        def tell() -> None:
            try:
                what(advisor)
            except Exception as error:  # noqa: BLE001  one call's fault must not be another's
                self._log.fault("taking in the end of a call", error)

        loop.call_soon_threadsafe(tell)


def _id_of(data: Mapping[str, Any]) -> str:
    """Of a call; "" where LiteLLM gave it none, as when it refused the caller's key."""
    return str(data.get(ID) or "")


lengthwise = LengthwiseCallback(LitellmSettings.from_environment(os.environ))
