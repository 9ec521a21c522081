"""The books of the host store: which slots are free, and which hold whom."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(slots=True)
class SwappedRequest:
    """A request whose keys and values lie in the host's memory.

    Args:
        request_id: The id that vLLM knows it by.
        ticket: Number of the copy, which no other copy of this engine has.
        tokens: How many of its first tokens can be restored.
        slots: Where they lie, one for each block.
        loading: It is on its way back: its slots must stay.
        matched: Tokens that are restored once it is back, those in the prefix cache included.
    """

    request_id: str
    ticket: int
    tokens: int
    slots: Sequence[int]
    loading: bool = False
    matched: int = 0


class HostSlots:
    """Slots of equal size, each for one block of the device's memory.

    The scheduler alone gives them out, so that every worker of a tensor-parallel engine uses the
    same numbers and none has to be asked.

    Args:
        slots: How many there are on every worker.
    """

    def __init__(self, slots: int) -> None:
        self.total = slots
        self._free = list(range(slots - 1, -1, -1))
        self._held: dict[str, SwappedRequest] = {}
        self._tickets = 0

    @property
    def free(self) -> int:
        """Slots that hold nothing."""
        return len(self._free)

    def __contains__(self, request_id: str) -> bool:
        return request_id in self._held

    def __iter__(self) -> Iterator[SwappedRequest]:
        return iter(self._held.values())

    def get(self, request_id: str) -> SwappedRequest | None:
        """What is held of a request; None if nothing is."""
        return self._held.get(request_id)

    def hold(self, request_id: str, tokens: int, blocks: int) -> SwappedRequest:
        """Take slots for a request.

        Raises:
            ValueError: If it is held already, or there are too few: evict first.
        """
        if request_id in self._held or blocks > self.free:
            raise ValueError(f"{request_id} needs {blocks} slots: {self.free} are free")
        self._tickets += 1
        slots = [self._free.pop() for _ in range(blocks)]
        held = SwappedRequest(request_id, self._tickets, tokens, slots)
        self._held[request_id] = held
        return held

    def release(self, request_id: str) -> SwappedRequest | None:
        """Give the slots of a request back; None if it holds none."""
        held = self._held.pop(request_id, None)
        if held is not None:
            self._free.extend(reversed(held.slots))
        return held
