"""A state that somebody else writes: a gateway that knows classes, deadlines and predictions."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from autoscaler.core.fleet import FleetState, PastNeed
from autoscaler.edges.state_json import state_from_json
from autoscaler.errors import InvalidStateError


class StateFile:
    """Reads a file at each look; its age is that of the file, and what it says on top.

    Write it beside and rename it, so that none is read half.

    Args:
        path: Of the JSON that `state_from_json` takes; `past_needs` in it are left out.
        on_fault: Called with what is wrong, whenever that changes; "" once nothing is.
    """

    def __init__(self, path: Path, on_fault: Callable[[str], None] = lambda _: None) -> None:
        self._path = path
        self._on_fault = on_fault
        self._fault = ""

    def observe(self, now_s: float, past_needs: Sequence[PastNeed] = ()) -> FleetState | None:
        """The state in the file; None if it is not there or not one.

        Args:
            now_s: The present, on the clock of files' times.
            past_needs: Of earlier decisions, to be carried.
        """
        try:
            written_s = self._path.stat().st_mtime
            state = state_from_json(self._path.read_text("utf-8"), min(written_s, now_s))
        except (OSError, UnicodeDecodeError, InvalidStateError) as error:
            self._tell(f"{self._path}: {error}")
            return None
        self._tell("")
        return replace(state, past_needs=tuple(past_needs))

    def _tell(self, fault: str) -> None:
        if fault != self._fault:
            self._fault = fault
            self._on_fault(fault)
