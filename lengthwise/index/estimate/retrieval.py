"""From the lengths of similar past prompts to a distribution.

ALISE (arXiv 2410.23537, section 3.1) averages neighbours by similarity and asks an MLP where none
is near. Here every neighbour is a weighted observation, the LLM's prior, or what a trained head
says of the prompt, is one more of fixed weight, and what comes out is a distribution: where
neighbours are near and many they drown the prior, where none is near the prior remains.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lengthwise.index.arrays import IntMatrix, IntVector, in_columns
from lengthwise.index.decoding import Decoding
from lengthwise.index.estimate.familiarity import Familiarity
from lengthwise.index.estimate.prior import ATOMS, LengthPrior
from lengthwise.index.estimate.weighted_cdf import WeightedCdf
from lengthwise.index.length_scale import FloatArray, to_log
from lengthwise.index.repeats.repeated_lengths import RepeatedLengths
from lengthwise.index.search.hits import REPEAT_SIMILARITY, Hits
from lengthwise.index.search.recent_view import look_up
from lengthwise.index.search.rows import HistoryRows

REPEAT_SCALE = 0.01
"""Cosine distance that divides the weight of a repeated prompt by e: one with another slot in the
same form is about as far."""

SAME_SCALE = 0.001
"""As `REPEAT_SCALE`, for the very same prompt, without the forms that have another slot. Two passes
of one prompt in bfloat16 were 0.00004 apart at most; fine-tuning on lengths spreads them."""

SPREAD_FULL_DISTANCE = 0.3
"""Cosine distance from which a neighbour's length is smeared in full; a repeat's is not at all."""


@dataclass(frozen=True, slots=True)
class RetrievalParameters:
    """How neighbours are weighted; chosen on held-out rows by `fitting`.

    Args:
        neighbours: How many of the rows found count, those of the highest weight.
        scale: Similarity that divides a neighbour's weight by e.
        prior_similarity: The prior, or the head in its place, weighs as much as one neighbour of
            this similarity; above 1 more than a repeated prompt.
        spread: Half-width, on the log scale, over which a distant neighbour's length is smeared.
        other_model_weight: Weight of another LLM's row against one of the LLM asked for.
        repeat_weight: How much more a repeated prompt counts than the scale alone would say.
        greedy_repeat_weight: Where the LLM asked for is to decode greedily and has answered the
            very same prompt greedily before, it gives nearly the same answer: that row weighs so
            many times what a repeated prompt and the prior weigh together. A fixed number: draws
            of one prompt are one group, which is left out of what a held-out row finds, so that
            there is nothing to fit it on.
        other_decoding_weight: Weight of a repeated prompt that was answered by sampling against one
            that was answered greedily, where greedy decoding is asked for; and the other way round.
    """

    neighbours: int = 32
    scale: float = 0.2
    prior_similarity: float = 0.3
    spread: float = 0.3
    other_model_weight: float = 0.2
    repeat_weight: float = 30.0
    greedy_repeat_weight: float = 30.0
    other_decoding_weight: float = 1.0

    @property
    def prior_weight(self) -> float:
        """What the prior, or the head in its place, weighs."""
        return float(np.exp((self.prior_similarity - 1) / self.scale))


@dataclass(frozen=True, slots=True)
class RetrievedDistribution:
    """What the neighbours say of each query, before calibration.

    Args:
        cdf: On the log scale, one distribution per query.
        prior_share: Shape (queries,): how much of it is the prior, in [0, 1].
    """

    cdf: WeightedCdf
    prior_share: FloatArray


class RetrievalEstimator:
    """Turns hits into distributions.

    Args:
        rows: The rows that hits point to.
        parameters: Weights of near rows, of the prior, of other LLMs' rows.
        familiarity: Tells which queries are unlike the rows, whose neighbours count less.
    """

    def __init__(
        self, rows: HistoryRows, parameters: RetrievalParameters, familiarity: Familiarity
    ) -> None:
        self._log_lengths = to_log(rows.output_tokens)
        self._censored = rows.censored
        self._codes = rows.model_codes
        self._models = len(rows.models)
        self._decodings = rows.decodings
        self._repeat_counts = rows.repeat_counts
        self.prior = LengthPrior.from_rows(rows)
        self.parameters = parameters
        self._familiarity = familiarity

    def with_parameters(self, parameters: RetrievalParameters) -> "RetrievalEstimator":
        """The same rows, weighted differently."""
        twin = object.__new__(RetrievalEstimator)
        twin.__dict__.update(self.__dict__, parameters=parameters)
        return twin

    def distributions(
        self,
        hits: Hits,
        model_codes: IntVector,
        head_atoms: FloatArray | None = None,
        decodings: IntVector | None = None,
    ) -> RetrievedDistribution:
        """One distribution per query.

        Args:
            hits: What the search found, at least one column.
            model_codes: Shape (queries,): the LLM asked for, -1 for any or an unknown one.
            head_atoms: Shape (queries, ATOMS): equally likely lengths on the log scale that a
                trained head gives, which then take the place of the LLM's prior.
            decodings: Shape (queries,): how each answer's tokens will be chosen, see `Decoding`;
                None where it is not known of any.
        """
        p = self.parameters
        recent = hits.recent
        codes = look_up(self._codes, recent and recent.codes, hits.rows)
        named = (model_codes >= 0)[:, None]
        foreign = named & (codes != model_codes[:, None])
        strange = foreign & (codes >= self._models)
        several = (len(recent.model_codes) if recent else self._models) > 1
        own = named & ~foreign if several else ~foreign
        weights = self._weights(hits, foreign, self._repeat_weights(hits, own, decodings))
        # Of an LLM that came after the build nobody knows how its usual length compares.
        weights = np.where(strange, 0.0, weights)
        kept = in_columns(np.argsort(-weights, axis=1, kind="stable")[:, : p.neighbours])
        weights, rows, codes = weights[kept], hits.rows[kept], codes[kept]
        similarities = hits.similarities[kept]
        # Another LLM's length counts as that LLM's usual length is to the asked one's.
        shift = self.prior.offset(model_codes)[:, None] - self.prior.offset(codes)
        lengths = look_up(self._log_lengths, recent and recent.log_lengths, rows)
        values = lengths + np.where(named, shift, 0)
        censored = look_up(self._censored, recent and recent.censored, rows)
        spread = p.spread * np.minimum(1, (1 - similarities) / SPREAD_FULL_DISTANCE)
        repeated = hits.repeated
        if repeated is not None:
            again = self._weights_of_repeated(repeated, decodings)
            weights = np.concatenate([weights, again], axis=1)
            values = np.concatenate([values, repeated.log_lengths], axis=1)
            censored = np.concatenate([censored, repeated.censored], axis=1)
            spread = np.concatenate([spread, np.zeros(again.shape)], axis=1)
        prior_share = p.prior_weight / (p.prior_weight + weights.sum(axis=1))
        cdf = _smeared_cdf(
            values,
            weights,
            censored,
            spread=spread,
            prior=self.prior.atoms(model_codes) if head_atoms is None else head_atoms,
            prior_weight=p.prior_weight,
        )
        return RetrievedDistribution(cdf, prior_share)

    def _weights(
        self, hits: Hits, foreign: NDArray[np.bool_], repeat_weights: FloatArray
    ) -> FloatArray:
        p = self.parameters
        weights = np.exp(-_distances(hits) / p.scale) / self._crowding(hits) + repeat_weights
        weights = np.where(foreign, weights * p.other_model_weight, weights)
        familiar = self._familiarity.of(hits.nearness())[:, None]
        return np.where(hits.rows >= 0, weights * familiar, 0.0)

    def _crowding(self, hits: Hits) -> FloatArray:
        """How many of what was found are one prompt: to another prompt they say what one says.

        To the prompt itself, asked once more, every answer is evidence of its own.
        """
        recent = hits.recent
        alone = np.ones(len(recent.codes), np.int64) if recent else None
        counts = look_up(self._repeat_counts, alone, hits.rows)
        found = np.minimum(counts, (hits.rows >= 0).sum(axis=1, keepdims=True)).clip(1)
        return np.where(hits.similarities > REPEAT_SIMILARITY, 1, found).astype(float)

    def _repeat_weights(
        self, hits: Hits, own: NDArray[np.bool_], decodings: IntVector | None
    ) -> FloatArray:
        """What rows weigh for being the prompt once more; `own` are those of the LLM asked for."""
        recent = hits.recent
        answered = look_up(self._decodings, recent and recent.decodings, hits.rows)
        return self._as_repeats(_distances(hits), answered, own, decodings)

    def _weights_of_repeated(
        self, repeated: RepeatedLengths, decodings: IntVector | None
    ) -> FloatArray:
        """What lengths of the very same prompt weigh: as a row would at no distance."""
        none = np.zeros(repeated.found.shape)
        weights = 1 + self._as_repeats(none, repeated.decodings, repeated.found, decodings)
        return np.where(repeated.found, weights, 0.0)

    def _as_repeats(
        self,
        distances: FloatArray,
        answered: IntMatrix,
        own: NDArray[np.bool_],
        decodings: IntVector | None,
    ) -> FloatArray:
        p = self.parameters
        weights = p.repeat_weight * np.exp(-distances / REPEAT_SCALE)
        if decodings is None:
            return weights
        asked = decodings[:, None]
        known = (asked != Decoding.UNKNOWN) & (answered != Decoding.UNKNOWN)
        weights = np.where(known & (asked != answered), weights * p.other_decoding_weight, weights)
        again = own & (asked == Decoding.GREEDY) & (answered == Decoding.GREEDY)
        weight = p.greedy_repeat_weight * (p.repeat_weight + p.prior_weight)
        same = weight * np.exp(-distances / SAME_SCALE)
        return weights + np.where(again, same, 0.0)


def _distances(hits: Hits) -> FloatArray:
    return 1 - hits.similarities.astype(float)


def _smeared_cdf(
    values: FloatArray,
    weights: FloatArray,
    censored: NDArray[np.bool_],
    *,
    spread: FloatArray,
    prior: FloatArray,
    prior_weight: float,
) -> WeightedCdf:
    """Each neighbour as three points (shorter, as it was, longer), and the prior's atoms."""
    atoms = np.full((len(values), ATOMS), prior_weight / ATOMS)
    third = weights / 3
    return WeightedCdf.from_observations(
        np.concatenate([values - spread, values, values + spread, prior], axis=1),
        np.concatenate([third, third, third, atoms], axis=1),
        np.concatenate([censored, censored, censored, np.zeros(atoms.shape, bool)], axis=1),
    )
