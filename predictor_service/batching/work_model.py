"""What a micro-batch costs, learnt from those that were measured: no clock of its own."""

from lengthwise.index.estimate.estimate import Query

COST_CAP_CHARS = 1_024
"""A prompt beyond this costs the encoder no more: what is too long for its window is cut."""

PROMPT_CHARS = 64
"""What a prompt costs beside its text (search, estimate, message), in characters of text. Roughly:
what it misses is learnt as a cost of the characters."""

FORGETTING = 0.97
"""Weight of all earlier micro-batches after each new one: some thirty count, so that a swap to
another encoder or a neighbour on the cores is learnt within seconds."""

FIRST_FIXED_S = 0.004
"""Of a micro-batch before any was measured: launching the layers of a small encoder."""

FIRST_CHAR_S = 10e-6
"""For a character before any micro-batch was measured: a small encoder on one core."""

FIRST_WEIGHT = 0.1
"""Of the two, in measured micro-batches: they are forgotten with the first."""


def cost_chars(query: Query) -> int:
    """What a prompt costs, in characters of text."""
    return PROMPT_CHARS + min(len(query.prompt), COST_CAP_CHARS)


class WorkModel:
    """Seconds of a micro-batch as a fixed part and so much per character.

    A weighted least squares line. Errors count relative to the time that was measured, so that
    small micro-batches, which it is asked about, count as much as large ones, and one that was held
    up by others on the cores counts little. Not thread-safe: its owner holds a lock.
    """

    def __init__(self) -> None:
        self._weight = self._chars = self._seconds = self._chars_squared = self._product = 0.0
        for chars in (PROMPT_CHARS, 16 * PROMPT_CHARS):
            self._add(chars, FIRST_FIXED_S + chars * FIRST_CHAR_S, FIRST_WEIGHT)
        self._fit()

    def learn(self, chars: int, seconds: float) -> None:
        """Note a micro-batch that was computed.

        Args:
            chars: Sum of `cost_chars` over its prompts, above 0.
            seconds: From its start to its last estimate, above 0.
        """
        self._weight *= FORGETTING
        self._chars *= FORGETTING
        self._seconds *= FORGETTING
        self._chars_squared *= FORGETTING
        self._product *= FORGETTING
        self._add(chars, seconds, 1.0)
        self._fit()

    def seconds(self, chars: int) -> float:
        """The time that a micro-batch of so many characters is expected to take."""
        return self._fixed_s + chars * self._char_s

    def chars_within(self, seconds: float) -> int:
        """The characters that are expected to be through in a time; 0 if not even one is."""
        return max(0, int((seconds - self._fixed_s) / self._char_s))

    def _add(self, chars: float, seconds: float, weight: float) -> None:
        weight /= seconds * seconds
        self._weight += weight
        self._chars += weight * chars
        self._seconds += weight * seconds
        self._chars_squared += weight * chars * chars
        self._product += weight * chars * seconds

    def _fit(self) -> None:
        """Solve for the line; where sizes hardly differ, all of the time is put on characters."""
        mean_chars = self._chars / self._weight
        mean_s = self._seconds / self._weight
        spread = self._chars_squared / self._weight - mean_chars**2
        slope_s = 0.0
        if spread > (0.1 * mean_chars) ** 2:
            slope_s = (self._product / self._weight - mean_chars * mean_s) / spread
        # Neither part can be negative; measured noise could make one so.
        most_s = mean_s / mean_chars
        self._char_s = slope_s if 0 < slope_s < most_s else most_s
        self._fixed_s = max(0.0, mean_s - self._char_s * mean_chars)
