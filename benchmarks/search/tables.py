"""The tables of `search`."""

from collections.abc import Sequence

from benchmarks.harness.table import Column, Row, Table


def search_table(rows: Sequence[Row]) -> Table:
    """Recall, cost of building, and size, by size."""
    columns = [
        Column("rows", "vectors", "{:,}"),
        Column("index", "index"),
        Column("setting", "setting"),
        Column("recall", "recall@32", "{:.3f}"),
        Column("far_recall", "far recall@32", "{:.3f}"),
        Column("build_s", "build, s", "{:,.1f}"),
        Column("megabytes", "MB", "{:,.0f}"),
    ]
    notes = [
        "HNSW: M=32, its breadth chosen for the same recall on rows of the index as ours. MB: as "
        "saved, which is about what it takes in memory."
    ]
    return Table("search", "Search among vectors of 384 dimensions", columns, rows, notes)


def time_table(rows: Sequence[Row]) -> Table:
    """Milliseconds per query, by size."""
    timed = sorted({key for row in rows for key in row if key.endswith("_ms")}, key=_time_order)
    columns = [
        Column("rows", "vectors", "{:,}"),
        Column("index", "index"),
        *(Column(key, _time_title(key), "{:.3f}") for key in timed),
    ]
    kept = {"rows", "index", *timed}
    shown = [{key: value for key, value in row.items() if key in kept} for row in rows]
    notes = ["64 neighbours are fetched, as the service does."]
    return Table("search_time", "Milliseconds per query", columns, shown, notes)


def _time_order(key: str) -> list[int]:
    batch, threads, _ = key.split("_")
    return [int(batch.removeprefix("batch")), int(threads.removeprefix("threads"))]


def _time_title(key: str) -> str:
    batch, threads = _time_order(key)
    return f"{batch} at once, {threads} thread{'s' if threads > 1 else ''}"


def own_table(rows: Sequence[Row]) -> Table:
    """What a search among one LLM's own rows takes, beside a plain one."""
    columns = [
        Column("rows", "vectors", "{:,}"),
        Column("llms", "LLMs", "{:,}"),
        Column("batch", "at once", "{:,}"),
        Column("plain_ms", "plain, ms", "{:.3f}"),
        Column("selector_ratio", "selector", "{:.1f}x"),
        Column("own_ratio", "own rows", "{:.2f}x", with_range=True),
        Column("own_recall", "recall@32", "{:.3f}"),
        Column("prepare_s", "made, s", "{:.1f}"),
        Column("mib", "MiB", "{:,.0f}"),
    ]
    notes = [
        "Rows are dealt out among the LLMs at random; queries at once are of one LLM. Selector: "
        "made of the LLM's row numbers at each search, as it was done before; own rows: made once, "
        "when an index is loaded. Both as multiples of plain, with the recall of the latter, and "
        "the time and memory that making it takes for all LLMs together.",
    ]
    title = "Searches among one LLM's own rows, milliseconds per query"
    return Table("search_own", title, columns, rows, notes)


def share_table(rows: Sequence[Row]) -> Table:
    """Where the time of a prediction goes."""
    columns = [
        Column("rows", "vectors", "{:,}"),
        Column("batch", "prompts at once", "{:,}"),
        Column("encode_ms", "encode, ms", "{:.2f}"),
        Column("search_ms", "search, ms", "{:.2f}"),
        Column("estimate_ms", "estimate, ms", "{:.2f}"),
        Column("search_share", "search's share", "{:.1%}", with_range=True),
    ]
    return Table("share", "Where the time of a prediction goes", columns, rows)
