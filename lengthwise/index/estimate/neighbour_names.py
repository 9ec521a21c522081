"""Which past prompts an estimate leans on, for whoever wants to know."""

from lengthwise.index.estimate.estimate import Query
from lengthwise.index.search.hits import Hits
from lengthwise.index.search.recent_view import RecentView
from lengthwise.index.search.rows import HistoryRows
from lengthwise.prediction import Neighbour


class NeighbourNames:
    """Looks up the rows that a search found, those of the build and those that came after it.

    Args:
        rows: Columns of the rows of the build.
        keeps_text: False if neighbours' texts are never to be given.
    """

    def __init__(self, rows: HistoryRows, *, keeps_text: bool) -> None:
        self._rows = rows
        self._keeps_text = keeps_text

    def nearest(self, hits: Hits, place: int, query: Query) -> tuple[Neighbour, ...]:
        """As many of one query's hits as it asks for, nearest first.

        Args:
            hits: What was found for several queries.
            place: Line of this query in them.
            query: Says how many, and whether their texts are wanted.
        """
        if not query.neighbour_count:
            return ()
        named = [row for row in hits.rows[place, : query.neighbour_count].tolist() if row >= 0]
        return tuple(
            self._neighbour(row, similarity, query, hits.recent)
            for row, similarity in zip(named, hits.similarities[place].tolist(), strict=False)
        )

    def _neighbour(
        self, row: int, similarity: float, query: Query, recent: RecentView | None
    ) -> Neighbour:
        later = recent.record(row) if recent is not None else None
        if later is not None:
            text = later.prompt if query.include_neighbour_text and self._keeps_text else ""
            return Neighbour(later.id, similarity, later.output_tokens, later.model, text)
        return Neighbour(
            id=self._rows.id(row),
            similarity=similarity,
            output_tokens=int(self._rows.output_tokens[row]),
            model=self._rows.model(row),
            text=self._rows.prompt(row) if query.include_neighbour_text else "",
        )
