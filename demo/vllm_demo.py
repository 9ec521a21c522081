"""A real vLLM without and with Lengthwise, the same traffic for both: `make demo-vllm`."""

import argparse
import shutil
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from demo.__main__ import HELD_OUT_SHARE, SEED, build, console, open_history
from demo.vllm_contest import Contest, Round, by_predicted_length, first_come_first_served
from demo.vllm_tables import completion_table, draw_rounds
from index_builder.evaluation.evaluate import SplitHistory
from lengthwise.index.errors import LengthIndexError
from testbed.engine import CACHE, VLLM
from testbed.engine_options import CPU_PREDICTOR
from testbed.errors import TestbedError
from testbed.predictor import running_predictor
from testbed.tiny_model import TinyLlama, tiny_model

PICTURE = Path("demo-vllm.png")


def main(argv: Sequence[str] | None = None) -> None:
    """Run the demo; what goes wrong on purpose is one line."""
    parser = argparse.ArgumentParser(prog="python -m demo.vllm_demo", description=__doc__)
    parser.add_argument("--history", help="your own past prompts and lengths (default: generated)")
    parser.add_argument("--model", help="serve this on your GPU (default: a tiny one on the CPU)")
    parser.add_argument("--vllm", type=Path, help="the vllm program that serves --model")
    parser.add_argument("--picture", type=Path, default=PICTURE, help="where to draw")
    options = parser.parse_args(argv)
    try:
        with TemporaryDirectory(prefix="lengthwise-demo-") as folder:
            run(options, Path(folder))
    except (TestbedError, LengthIndexError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


def run(options: argparse.Namespace, folder: Path) -> None:
    """Build, serve, replay twice, compare.

    Args:
        options: Of the command line.
        folder: For everything that is not kept.
    """
    program = find_program(options.model, options.vllm)
    source = open_history(options.history, folder)
    console.rule("1. History in, index out")
    build(source, folder / "index")
    held_out = SplitHistory(source, HELD_OUT_SHARE, SEED, held_out=True)
    asked = [r for r in held_out if not r.censored and r.output_tokens > 0]
    console.rule("2. The same traffic through vLLM, without and with Lengthwise")
    with ExitStack() as stack:
        arguments = CPU_PREDICTOR if options.model is None else ()
        predictor = stack.enter_context(
            running_predictor(folder / "index", folder, arguments=arguments)
        )
        contest = Contest(
            model=options.model or tiny_model(CACHE),
            program=program,
            target=predictor.target,
            pairs=pairs_that_fit([(r.prompt, r.output_tokens) for r in asked]),
            history_model=asked[0].model if asked else "",
            on_gpu=options.model is not None,
        )
        plain = first_come_first_served(contest, folder)
        requests = [outcome.request for outcome in plain.outcomes]
        rounds = [plain, by_predicted_length(contest, folder, requests)]
    show(rounds, options.picture)


def find_program(model: str | None, program: Path | None) -> Path:
    """The vllm to start: the CPU's from its own environment, or the user's own for a GPU.

    Raises:
        TestbedError: A model is named and no vllm is found for it.
    """
    if program is not None:
        return program
    if model is None:
        return VLLM
    found = shutil.which("vllm")
    if found is None:
        raise TestbedError(
            f"no vllm to serve {model}: install lengthwise beside your own vLLM and give its "
            "program, as in make demo-vllm MODEL=name VLLM=/path/to/vllm"
        )
    return Path(found)


def pairs_that_fit(pairs: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """Each prompt once, without those that are too long for the tiny model."""
    window = TinyLlama().window_tokens
    unique = dict(pairs)
    return [(p, tokens) for p, tokens in unique.items() if len(p) // 2 + tokens < window]


def show(rounds: Sequence[Round], picture: Path) -> None:
    """Print the table, draw the picture."""
    console.rule("3. What it changed")
    console.print(completion_table(rounds))
    draw_rounds(rounds, picture)
    console.print(f"The picture: {picture}", highlight=False)


if __name__ == "__main__":
    main()
