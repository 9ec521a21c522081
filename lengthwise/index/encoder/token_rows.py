"""Lays out the tokens of a micro-batch, so that attention takes many prompts in one call.

Attention must not look across prompts. Prompts of one length are rows of a matrix, but of a
micro-batch hardly two are as long, and a call costs as much for a short prompt as for a row full of
them. So where lengths are many, prompts share rows, and a mask keeps them apart. Measured by
`benchmarks.encoder`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain, groupby

import numpy as np

from lengthwise.index.arrays import IntMatrix, IntVector

ROW_TOKENS = 96
"""Width of a shared row, in tokens. Of micro-batches of instructions 80 and 112 took as long or
longer: the wider a row, the more is compared in vain, the narrower, the more is left empty."""

LONGER_ROWS = (128, 192, 256, 384, 512)
"""Widths of rows for longer prompts; beyond the last as wide as such a prompt."""

FEW_LENGTHS = 8
"""Up to so many lengths each has a call of its own: nothing is left empty, no mask is needed."""

SIZES = (
    *(16, 32, 48, 64, 80, 96, 128, 160, 192, 256, 320, 384),
    *(480, 576, 672, 768, 960, 1152, 1344, 1536, 1920, 2304, 2688, 3072),
)
"""Numbers of tokens in a forward pass, those of lone prompts first: beyond 48 at most a third more
than there are, and few, since memory is kept for each; see `rounded_up`. The last is for a pass of
`packed_encoder.BATCH_TOKENS` in rows that are not full."""

BEYOND = 4 * ROW_TOKENS
"""Past the last of them, multiples of this."""

NO_PROMPT = -1
"""In the place of a prompt's number: nothing is there."""


@dataclass(frozen=True, slots=True)
class RowGroup:
    """Rows of one width, one after the other.

    Args:
        start: Place of their first token.
        stop: Place behind their last one.
        width: Tokens in a row, empty places among them.
        prompts: Shape (rows, slots): numbers of the prompts in each row, then `NO_PROMPT`.
        owners: Shape (rows, width): number of the prompt that each token belongs to, `NO_PROMPT`
            where there is none. None if each row is one prompt.
    """

    start: int
    stop: int
    width: int
    prompts: Sequence[Sequence[int]]
    owners: IntMatrix | None = None


@dataclass(frozen=True, slots=True)
class TokenRows:
    """A micro-batch, laid out.

    Args:
        token_ids: Of one group after the other, then padding: 0 where no prompt is.
        positions: Of each token in its prompt; 0 where no prompt is.
        groups: No two of the same width; the padding belongs to none.
        order: Which prompt each row is, where rows are not shared.
        shared: Where the prompts are, if they share rows.
    """

    token_ids: Sequence[int] | IntVector
    positions: Sequence[int] | IntVector
    groups: Sequence[RowGroup]
    order: Sequence[int]
    shared: "SharedPlaces | None" = None

    @classmethod
    def lay_out(cls, prompts: Sequence[Sequence[int]], *, share: bool) -> "TokenRows":
        """Fill rows with prompts.

        Args:
            prompts: Token ids of each, at least one prompt and one token in each.
            share: Let prompts of many lengths share rows, which leaves some of them empty: that
                pays where tokens are computed fast and calls are what costs.
        """
        if share and len({len(prompt) for prompt in prompts}) > FEW_LENGTHS:
            return _sharing(prompts)
        return _apart(prompts)

    @property
    def padding(self) -> int:
        """Tokens behind the last row."""
        return len(self.token_ids) - self.groups[-1].stop


@dataclass(frozen=True, slots=True)
class SharedPlaces:
    """Where prompts are that share rows.

    Args:
        places: Shape (prompts' tokens,): of one prompt after the other, as they were given.
        starts: Shape (prompts,): where each begins in `places`.
    """

    places: IntVector
    starts: IntVector


def rounded_up(tokens: int) -> int:
    """The next of a few sizes.

    oneDNN compiles kernels for each number of rows that a linear layer meets and keeps them, 2 to 4
    MB for the four of a MiniLM: a service that met every number of tokens by and by grew for hours
    (`findings/onednn_keeps_kernels.sh`).
    """
    return next((size for size in SIZES if size >= tokens), -(-tokens // BEYOND) * BEYOND)


def _apart(prompts: Sequence[Sequence[int]]) -> TokenRows:
    """A row for each prompt, those of one length together.

    With lists alone: what a lone prompt waits for is run once in a while, and slow for that.
    """
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    groups: list[RowGroup] = []
    start = 0
    for width, group in groupby(order, key=lambda i: len(prompts[i])):
        rows = [[i] for i in group]
        stop = start + width * len(rows)
        groups.append(RowGroup(start, stop, width, rows))
        start = stop
    nothing = [0] * (rounded_up(start) - start)
    token_ids = chain(*(prompts[i] for i in order), nothing)
    positions = chain(*(range(len(prompts[i])) for i in order), nothing)
    return TokenRows(list(token_ids), list(positions), groups, order)


@dataclass(slots=True)
class _Row:
    """A row that is being filled."""

    width: int
    used: int = 0
    prompts: list[int] = field(default_factory=list[int])


def _filled(lengths: Sequence[int]) -> list[_Row]:
    """Rows that hold all prompts, the widest first: each prompt in the first that has room."""
    rows: list[_Row] = []
    for prompt in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        tokens = lengths[prompt]
        row = next((row for row in rows if row.width - row.used >= tokens), None)
        if row is None:
            widths = (ROW_TOKENS, *LONGER_ROWS)
            row = _Row(next((width for width in widths if width >= tokens), tokens))
            rows.append(row)
        row.prompts.append(prompt)
        row.used += tokens
    return rows


def _sharing(prompts: Sequence[Sequence[int]]) -> TokenRows:
    """Rows that each hold as many prompts as there is room for."""
    lengths = [len(prompt) for prompt in prompts]
    rows = _filled(lengths)
    tokens = rounded_up(sum(row.width for row in rows))
    token_ids, positions = np.zeros(tokens, np.int64), np.zeros(tokens, np.int64)
    owners = np.full(tokens, NO_PROMPT, np.int64)
    first = np.empty(len(prompts), np.int64)
    counted = np.arange(max(lengths))
    row_start = 0
    for row in rows:
        place = row_start
        for prompt in row.prompts:
            own = slice(place, place + lengths[prompt])
            token_ids[own] = prompts[prompt]
            positions[own] = counted[: lengths[prompt]]
            owners[own] = prompt
            first[prompt] = place
            place = own.stop
        row_start += row.width
    ends: IntVector = np.cumsum(lengths, dtype=np.int64)
    starts: IntVector = ends - np.array(lengths)
    places = np.arange(ends[-1]) + np.repeat(first - starts, lengths)
    return TokenRows(token_ids, positions, _groups(rows, owners), (), SharedPlaces(places, starts))


def _groups(rows: Sequence[_Row], owners: IntVector) -> list[RowGroup]:
    """Rows of one width lie together, since the widest come first."""
    groups: list[RowGroup] = []
    start = 0
    for width, group in groupby(rows, key=lambda row: row.width):
        prompts = [row.prompts for row in group]
        slots = max(map(len, prompts))
        padded = [[*row, *[NO_PROMPT] * (slots - len(row))] for row in prompts]
        stop = start + width * len(prompts)
        groups.append(RowGroup(start, stop, width, padded, owners[start:stop].reshape(-1, width)))
        start = stop
    return groups
