"""Chats indexed in one form of text and asked in another: `python -m benchmarks.conversation_text`.

A chat's text is made in several places: by the history's reader and the service, by vLLM's
middleware, and by its plugin, which sees what the chat template rendered. How much accuracy, and
how many repeats, are lost where the index was built one way and is asked in another?
"""

from collections.abc import Sequence

from benchmarks.conversation_text.chats import read_chats
from benchmarks.conversation_text.pairs import PairResult, ask_all_ways
from benchmarks.conversation_text.tables import conversation_report
from benchmarks.conversation_text.ways_in import WAYS_IN
from benchmarks.harness.options import base_parser, parsed
from benchmarks.harness.report import finish, say
from benchmarks.harness.workloads import SHAREGPT, data_file
from lengthwise.index.encoder.encoder import load_encoder
from lengthwise.index.encoder.encoder_wrapper import RememberingEncoder

QUICK_CHATS = 300
"""Chats read with --quick."""

QUICK_WAYS = 3
"""Ways in, from the first on, with --quick: one of each kind."""


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and report."""
    parser = base_parser("conversation_text", "Chats' text made in one way and asked in another.")
    options = parsed(parser, argv)
    chats = read_chats(
        data_file(options.data, SHAREGPT), most=QUICK_CHATS if options.quick else None
    )
    ways_in = WAYS_IN[:QUICK_WAYS] if options.quick else WAYS_IN
    encoder = RememberingEncoder(load_encoder(), capacity=len(chats) * len(ways_in))
    found: list[PairResult] = []
    for seed in range(options.repeats):
        for indexed in ways_in:
            say(f"round {seed + 1} of {options.repeats}: indexed by {indexed.name}")
            found += ask_all_ways(
                chats, seed, indexed_way=indexed, ways_in=ways_in, encoder=encoder
            )
    finish(conversation_report(options.command, len(chats), found), options.json)


if __name__ == "__main__":
    main()
