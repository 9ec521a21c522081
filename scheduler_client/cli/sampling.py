"""The options of the commands that say how an answer is sampled: one for each condition."""

import argparse

from lengthwise.request import CONDITION_NAMES, SamplingConditions


def add_sampling_options(parser: argparse.ArgumentParser) -> None:
    """Add them; what is left out is unknown."""
    parser.add_argument("--max-tokens", type=int, help="the limit on generated tokens")
    parser.add_argument("--temperature", type=float, help="of the sampling; 0 is greedy decoding")


def sampling_of(args: argparse.Namespace) -> SamplingConditions:
    """The conditions that the options describe; they are checked when they are sent."""
    return SamplingConditions(**{name: getattr(args, name) for name in CONDITION_NAMES})
