"""Rows of an index that stand in for new prompts, which must find neither themselves nor kin."""

from dataclasses import dataclass

import numpy as np

from lengthwise.index.arrays import BoolVector, FloatMatrix, IntVector
from lengthwise.index.estimate.retrieval import RetrievalEstimator
from lengthwise.index.estimate.weighted_cdf import WeightedCdf
from lengthwise.index.length_scale import FloatArray
from lengthwise.index.search.hits import Hits
from lengthwise.index.search.mapped import copied
from lengthwise.index.search.rows import HistoryRows, first_of_each
from lengthwise.index.search.searcher import LeaveGroupOut, Searcher


@dataclass(frozen=True, slots=True)
class HeldOutRows:
    """Which rows may stand in for new prompts, where not all may.

    Args:
        rows: Shape (n,): their numbers in the index.
        head_atoms: Shape (n, ATOMS): what the trained head says of each; None without one.
    """

    rows: IntVector
    head_atoms: FloatArray | None = None

    def distinct(self, rows: HistoryRows) -> "HeldOutRows":
        """One of each prompt, LLM and decoding: a prompt asked a thousand times is one prompt."""
        first = first_of_each(rows.repeat_codes[self.rows])
        if first.all():
            return self
        return self._part(first)

    def sample(self, count: int, seed: int) -> "HeldOutRows":
        """At most so many of them, in random order."""
        chosen = np.random.default_rng(seed).permutation(len(self.rows))[:count]
        return self._part(chosen)

    def _part(self, which: BoolVector | IntVector) -> "HeldOutRows":
        atoms = None if self.head_atoms is None else self.head_atoms[which]
        return HeldOutRows(self.rows[which], atoms)


@dataclass(frozen=True, slots=True)
class HeldOutHits:
    """Held-out rows and what a search finds for each once its group is left out.

    Args:
        rows: Shape (n,): their numbers in the index.
        hits: What was found, one line for each.
        codes: Shape (n,): code of the LLM that answered each.
        groups: Shape (n,): code of each one's group, -1 for a row that stands alone.
        tokens: Shape (n,): lengths of the answers, in tokens.
        censored: Shape (n,): the true length was longer.
        decodings: Shape (n,): how each answer's tokens were chosen, see `Decoding`.
        head_atoms: Shape (n, ATOMS): what the trained head says of each; None without one.
    """

    rows: IntVector
    hits: Hits
    codes: IntVector
    groups: IntVector
    tokens: IntVector
    censored: BoolVector
    decodings: IntVector
    head_atoms: FloatArray | None

    @classmethod
    def from_search(
        cls, vectors: FloatMatrix, rows: HistoryRows, searcher: Searcher, held_out: HeldOutRows
    ) -> "HeldOutHits":
        """Search for each row what a new prompt would find in its place.

        Args:
            vectors: Shape (all rows, dimension), as indexed.
            rows: Columns of all rows of the index.
            searcher: Finds all rows by their vectors.
            held_out: Those that are searched for.

        Returns:
            Without those for which nothing is left to find: they stand in for no new prompt.
        """
        chosen = held_out.rows
        codes = rows.model_codes[chosen]
        leave_out = LeaveGroupOut(chosen, rows.group_codes)
        hits = searcher.search(copied(vectors, chosen), codes, leave_out=leave_out)
        found = cls(
            chosen,
            hits,
            codes,
            rows.group_codes[chosen],
            rows.output_tokens[chosen],
            rows.censored[chosen],
            rows.decodings[chosen],
            held_out.head_atoms,
        )
        return found.part(hits.rows[:, 0] >= 0)

    def __len__(self) -> int:
        return len(self.rows)

    def part(self, which: slice | BoolVector) -> "HeldOutHits":
        """Some of them, in their order."""
        return HeldOutHits(
            self.rows[which],
            Hits(self.hits.similarities[which], self.hits.rows[which]),
            self.codes[which],
            self.groups[which],
            self.tokens[which],
            self.censored[which],
            self.decodings[which],
            None if self.head_atoms is None else self.head_atoms[which],
        )

    def ended(self) -> "HeldOutHits":
        """Those whose true length is known."""
        return self.part(~self.censored)

    def distributions(self, estimator: RetrievalEstimator, *, told: bool = False) -> WeightedCdf:
        """What an estimator predicts of each; with `told`, knowing how it was decoded."""
        decodings = self.decodings if told else None
        return estimator.distributions(self.hits, self.codes, self.head_atoms, decodings).cdf
