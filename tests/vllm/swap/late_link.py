"""A link on which everything takes a while, as on a GPU."""

from collections import deque
from collections.abc import Callable

import torch


class LateLink:
    """Carries out what it is told, in order, when it has been asked `delay` times since.

    So rows lie neither in the host's memory nor in their blocks before they must.
    """

    def __init__(self, delay: int = 3) -> None:
        self._delay = delay
        self._asked = 0
        self._to_do: deque[tuple[int, Callable[[], None], str | None]] = deque()

    def send(self, rows: torch.Tensor, write: Callable[[torch.Tensor], None]) -> None:
        self._to_do.append((self._asked + self._delay, lambda: write(rows), None))

    def fetch(self, request_id: str, bring: Callable[[], None]) -> None:
        self._to_do.append((self._asked + self._delay, bring, request_id))

    def coming(self) -> list[str]:
        """Whose blocks are on their way."""
        return [name for _, _, name in self._to_do if name is not None]

    def take_arrived(self) -> set[str]:
        self._asked += 1
        arrived = set[str]()
        while self._to_do and self._to_do[0][0] <= self._asked:
            _, carry_out, name = self._to_do.popleft()
            carry_out()
            arrived |= {name} if name is not None else set()
        return arrived
