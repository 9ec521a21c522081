"""Whether a lone prompt is computed on all cores or on one: measured, since only that tells."""

from statistics import median

TRIALS = 4
"""Measured of each way before one is chosen; the middle of them withstands one that was held up."""

GAIN = 0.9
"""What all cores must take of one core's time to be worth keeping them from everything else."""

SLOW = 1.6
"""Over its time when it was chosen, a way is measured against the other again."""

SMOOTHING = 0.2
"""Weight of the newest lone prompt in the mean that is held against that."""

AGAIN_AFTER = 2_000
"""Lone prompts after which both are measured again though nothing got slow: so cores that others
left are found, and only one prompt in 500 goes the slower way for it."""


class CoreChoice:
    """Chooses how lone prompts are computed, by how long they took either way.

    On cores of their own two threads are faster than one. On cores that others use, each of the
    hundred steps of a forward pass waits for the thread that has to wait for its core: 53 ms were
    measured rather than 6. Times are relative to what was expected of a prompt of that length.
    Not thread-safe: its owner holds a lock.
    """

    def __init__(self) -> None:
        self._trials: dict[bool, list[float]] = {True: [], False: []}
        self._chosen: bool | None = None
        self._chosen_took = 0.0
        self._recent = 0.0
        self._since = 0

    @property
    def chosen(self) -> bool | None:
        """True for all cores, False for one; None while both are being measured."""
        return self._chosen

    def next(self) -> bool:
        """True if the next lone prompt is to use all cores."""
        if self._chosen is not None:
            return self._chosen
        return len(self._trials[True]) <= len(self._trials[False])

    def took(self, wide: bool, relative: float) -> None:
        """Note a lone prompt that was computed.

        Args:
            wide: Whether it used all cores.
            relative: Its time over the time expected of it, above 0.
        """
        if self._chosen is None:
            self._trials[wide].append(relative)
            if all(len(times) >= TRIALS for times in self._trials.values()):
                self._choose()
        elif wide == self._chosen:
            self._since += 1
            self._recent += SMOOTHING * (relative - self._recent)
            if self._recent > SLOW * self._chosen_took or self._since >= AGAIN_AFTER:
                self._chosen = None

    def _choose(self) -> None:
        wide, narrow = median(self._trials[True]), median(self._trials[False])
        self._chosen = wide <= GAIN * narrow
        self._chosen_took = self._recent = wide if self._chosen else narrow
        self._since = 0
        self._trials = {True: [], False: []}
