"""When a micro-batch starts: at once, or after a short wait for those who are about to come back.

While one micro-batch is encoded the next one gathers by itself, so a lone request never has to
wait. But callers who ask one prompt at a time all come back just after their answers went out, and
starting with the first of them would leave the rest for a second, half-empty round. The pacer
therefore learns which share of the callers just answered comes back within the wait, and waits for
that many, never longer than the limit.
"""

LEARNING_RATE = 0.25
"""Weight of the newest micro-batch in the share of callers that come back."""


class Pacer:
    """Decides how long the encoder stays idle for the sake of a fuller micro-batch.

    Args:
        max_batch_size: Prompts at which there is nothing left to wait for.
        max_wait_s: The longest wait, from the end of the previous micro-batch.
    """

    def __init__(self, *, max_batch_size: int, max_wait_s: float) -> None:
        self._max_batch_size = max_batch_size
        self._max_wait_s = max_wait_s
        self._ended_s = -float("inf")
        self._answered = 0
        self._returned = 0
        self._expected = 0
        self._return_share = 0.0

    def arrived(self, now_s: float) -> None:
        """Note that a call came in."""
        if now_s - self._ended_s <= self._max_wait_s:
            self._returned += 1

    def ended(self, answered_calls: int, now_s: float) -> None:
        """Note that a micro-batch was answered, and so many calls with it."""
        if self._answered:
            share = min(1.0, self._returned / self._answered)
            self._return_share += LEARNING_RATE * (share - self._return_share)
        self._ended_s = now_s
        self._answered = answered_calls
        self._returned = 0
        self._expected = round(self._return_share * answered_calls)

    def wait_s(self, waiting: int, now_s: float) -> float:
        """How long to hold a micro-batch back, in seconds; 0 means start it.

        Args:
            waiting: Prompts in the queue, at least 1.
            now_s: The present.
        """
        if waiting >= self._max_batch_size or self._returned >= self._expected:
            return 0.0
        return max(0.0, self._ended_s + self._max_wait_s - now_s)
