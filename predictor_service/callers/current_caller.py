"""Who made the call that is being answered."""

from contextvars import ContextVar

current_caller: ContextVar[str] = ContextVar("current_caller", default="")
"""Set by the guard for each call, as `Authority` names its caller; "" outside of a call."""
