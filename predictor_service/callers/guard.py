"""Wraps the methods of a service: lets callers in or not, measures, traces.

Not as a gRPC interceptor: that does not know the caller's address, and comes before the method is
found, at the price of another coroutine for each call. Messages of those who are not let in are
not even parsed.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any, TypeVar

import grpc

from predictor_service.callers.authority import Authority
from predictor_service.callers.call_meter import CallMeter
from predictor_service.callers.caller_limits import CallerLimits, SlowedContext, items_of
from predictor_service.callers.tokens import MethodClass, method_class
from predictor_service.errors import CallError, ForbiddenError, TooFastError, UnknownCallerError
from predictor_service.tracing.call_tracer import CallTracer, NoTracer

current_caller: ContextVar[str] = ContextVar("current_caller", default="")
"""Set by the guard for each call, as `Authority` names its caller; "" outside of a call."""


PUSHBACK = "grpc-retry-pushback-ms"
"""See https://github.com/grpc/proposal/blob/master/A6-client-retries.md#pushback"""

# Numbers of gRPC statuses that calls are counted under where none was set.
OK = grpc.StatusCode.OK.value[0]  # the method returned
CANCELLED = grpc.StatusCode.CANCELLED.value[0]  # its caller gave up, or hung up
UNKNOWN = grpc.StatusCode.UNKNOWN.value[0]  # the method raised

REASONS: dict[type[CallError], str] = {
    UnknownCallerError: "unknown caller",
    ForbiddenError: "forbidden",
    TooFastError: "too fast",
}
"""Why callers are not let in, as the metrics name it."""

Context = grpc.aio.ServicerContext[Any, Any]
Method = Callable[[Any, Any], Awaitable[Any]]
T = TypeVar("T")


class Guard:
    """Guards services.

    Args:
        authority: Knows who may call what.
        limits: Knows how fast each caller may send.
        meter: Counts the calls that ended, and those that were not let in.
        tracer: Follows the calls that are traced; None for none.
    """

    def __init__(
        self,
        authority: Authority,
        limits: CallerLimits,
        meter: CallMeter,
        tracer: CallTracer | None = None,
    ) -> None:
        self._authority = authority
        self._limits = limits
        self._meter = meter
        self._tracer = tracer or NoTracer()

    def guarded(self, handler: grpc.GenericRpcHandler) -> grpc.GenericRpcHandler:
        """A service's handler, with each of its methods wrapped."""
        return _Guarded(handler, self._wrap)

    def _wrap(self, method: str, handler: Any) -> Any:
        if handler.unary_unary is not None:
            # Parsed here rather than by gRPC, which would do it before it asks who calls.
            return grpc.unary_unary_rpc_method_handler(
                self._measured(method, self._answering(method, handler), is_stream=False),
                None,
                handler.response_serializer,
            )
        if handler.stream_stream is not None:
            return grpc.stream_stream_rpc_method_handler(
                self._measured(method, self._streaming(method, handler), is_stream=True),
                handler.request_deserializer,
                handler.response_serializer,
            )
        raise TypeError(f"{method} has one message on one side and many on the other")

    def _answering(self, method: str, handler: Any) -> Method:
        behave, parse, kind = (
            handler.unary_unary,
            handler.request_deserializer,
            method_class(method),
        )

        async def answer(data: bytes, context: Context) -> Any:
            caller = await self._let_in(kind, context)
            message = parse(data)
            if self._limits.limited:
                await self._or_refuse(
                    lambda: self._limits.charge(caller, items_of(message)), context
                )
            return await behave(message, context)

        return answer

    def _streaming(self, method: str, handler: Any) -> Method:
        behave, kind = handler.stream_stream, method_class(method)

        async def stream(messages: Any, context: Context) -> Any:
            caller = await self._let_in(kind, context)
            if self._limits.limited:
                return await behave(messages, SlowedContext(context, self._limits, caller))
            return await behave(messages, context)

        return stream

    async def _let_in(self, kind: MethodClass, context: Context) -> str:
        """Name the caller, or end the call."""

        def caller_of() -> str:
            caller = self._authority.caller_of(kind, context)
            self._limits.admit(caller)
            current_caller.set(caller)
            return caller

        return await self._or_refuse(caller_of, context)

    async def _or_refuse(self, check: Callable[[], T], context: Context) -> T:
        """What a check gives; where it fails, the call ends with its error."""
        trailer = ()
        try:
            return check()
        except CallError as error:
            refusal = error
        self._meter.refuse(REASONS.get(type(refusal), "other"))
        if isinstance(refusal, TooFastError):
            trailer = ((PUSHBACK, str(math.ceil(refusal.retry_after_s * 1_000))),)
        await context.abort(refusal.status, str(refusal), trailer)
        raise AssertionError  # abort always raises

    def _measured(self, method: str, inner: Method, *, is_stream: bool) -> Method:
        meter, tracer, name = self._meter, self._tracer, method.rpartition("/")[2]

        async def call(message: Any, context: Context) -> Any:
            started_s = time.perf_counter()
            meter.begin()
            code = CANCELLED  # unless it comes to an end
            span = tracer.begin(method, context)
            try:
                answer = await inner(message, context)
                code = _number(context.code(), OK)
            except grpc.aio.InternalError:
                # The connection is gone; gRPC would log a traceback for each that hangs up.
                raise asyncio.CancelledError from None
            except Exception:
                code = _number(context.code(), UNKNOWN)
                raise
            else:
                return answer
            finally:
                seconds = time.perf_counter() - started_s
                meter.end(name, code, None if is_stream else seconds)
                if span is not None:
                    tracer.end(span, code)

        return call


def _number(code: grpc.StatusCode | int | None, unset: int) -> int:
    """The number of a status as gRPC's context has it."""
    if code is None:
        return unset
    return code.value[0] if isinstance(code, grpc.StatusCode) else code


class _Guarded(grpc.GenericRpcHandler):
    """Finds wrapped methods, each wrapped once."""

    def __init__(self, handler: grpc.GenericRpcHandler, wrap: Callable[[str, Any], Any]) -> None:
        self._handler = handler
        self._wrap = wrap
        self._wrapped: dict[str, Any] = {}

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """The method that is called; None if it is not of this service."""
        method: str = handler_call_details.method
        wrapped = self._wrapped.get(method)
        if wrapped is None:
            found = self._handler.service(handler_call_details)
            if found is None:
                return None
            wrapped = self._wrapped[method] = self._wrap(method, found)
        return wrapped
