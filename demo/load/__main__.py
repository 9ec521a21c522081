"""Traffic without end: users who ask, wait, pause and ask again."""

import argparse
import asyncio
import signal
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress

from demo.load.askers import Asker, EngineAsker, NoAnswerError, PredictorAsker
from demo.load.traffic import Course, prompts_and_lengths
from demo.load.users import Users
from scheduler_client.aio import AsyncLengthPredictorClient
from scheduler_client.errors import InvalidRequestError


def main(argv: Sequence[str] | None = None) -> None:
    """Ask until SIGTERM or SIGINT."""
    options = _options(argv)
    try:
        with suppress(asyncio.CancelledError):
            asyncio.run(run(options))
    except (NoAnswerError, InvalidRequestError) as error:
        sys.exit(f"error: {error}")


async def run(options: argparse.Namespace) -> None:
    """Have all users ask, until the process is asked to end."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101  a coroutine runs in one
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    async with _asker(options) as asker:
        course = Course(options.longer_times, options.longer_after_s)
        users = Users(asker, prompts_and_lengths(), course, pause_s=options.pause_s)
        await users.run(options.users)


@asynccontextmanager
async def _asker(options: argparse.Namespace) -> AsyncGenerator[Asker]:
    if options.engine is not None:
        yield EngineAsker.at(options.engine)
        return
    async with AsyncLengthPredictorClient(options.predictor) as client:
        yield PredictorAsker(client)


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m demo.load", description=__doc__)
    asked = parser.add_mutually_exclusive_group(required=True)
    asked.add_argument("--engine", metavar="URL", help="vLLM with the plugin, http://HOST:PORT")
    asked.add_argument(
        "--predictor", metavar="TARGET", help="without an engine: predict and report"
    )
    parser.add_argument("--users", type=int, default=16, help="default: %(default)s")
    parser.add_argument(
        "--pause-s", type=float, default=1.0, help="seconds between an answer and the next question"
    )
    parser.add_argument(
        "--longer-times", type=float, default=1.0, help="answers get so many times longer,"
    )
    parser.add_argument(
        "--longer-after-s", type=float, default=0.0, help="so many seconds after the start"
    )
    options = parser.parse_args(argv)
    for name, least in (("users", 1), ("pause_s", 0), ("longer_times", 0), ("longer_after_s", 0)):
        if not getattr(options, name) >= least:
            flag = "--" + name.replace("_", "-")
            parser.error(f"{flag} is {getattr(options, name)}: expected {least} or more")
    return options


if __name__ == "__main__":
    main()
