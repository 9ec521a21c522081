"""The command line. argparse, because the client depends on grpcio and protobuf alone.

Exit codes: 0 done, 1 refused or out of reach, 2 called wrongly, 130 interrupted.
"""

import argparse
import os
import sys
import uuid
from collections.abc import Callable, Sequence

from lengthwise.index_info import LOADING_TIMEOUT_S, IndexSwitch
from lengthwise.request import CONDITION_NAMES, CompletedRequest, PredictionQuery
from scheduler_client.cli import output as out
from scheduler_client.cli.envoy import ENVOY_HELP, add_envoy
from scheduler_client.cli.inputs import (
    STDIN,
    InputError,
    QueryDefaults,
    read_completions,
    read_queries,
    read_text,
)
from scheduler_client.cli.options import (
    add_connection_options,
    add_sampling_options,
    client_of,
    sampling_of,
)
from scheduler_client.client import LengthPredictorClient
from scheduler_client.errors import LengthPredictorError
from scheduler_client.outcome import PredictionFailure
from scheduler_client.request_batch import MAX_ITEMS_PER_MESSAGE

# Exit codes; those over 128 are a signal's number and 128, as shells report it.
OK = 0  # everything that was asked for was done
FAILED = 1  # the service refused, failed or does not answer, if only for one of many prompts
WRONG_USE = 2  # of options or of input, as argparse ends
INTERRUPTED = 130  # SIGINT is 2
BROKEN_PIPE = 141  # SIGPIPE is 13: who reads the output had enough


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    Raises:
        SystemExit: From argparse, with 2 on wrong use and 0 after --help.
    """
    args = _parser().parse_args(argv)
    command: Callable[[argparse.Namespace], int] = args.run
    try:
        code = command(args)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes stdout once more at exit, and would complain there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except InputError as error:
        return _complain(error, WRONG_USE)
    except LengthPredictorError as error:
        return _complain(error, FAILED)
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scheduler_client",
        description="Ask a Lengthwise service how many tokens an LLM will generate.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_predict(commands.add_parser("predict", help="predict the output length of prompts"))
    _add_report(commands.add_parser("report", help="report the true length of an answer"))
    _add_health(commands.add_parser("health", help="exit 0 only if the service serves"))
    _add_info(commands.add_parser("info", help="show what the served index holds"))
    switch = commands.add_parser("switch", help="have another version of the index served")
    roll_back = commands.add_parser("rollback", help="have the version before served again")
    _add_switch(switch)
    _add_roll_back(roll_back)
    for command in commands.choices.values():
        _add_common(command)
    for command in (switch, roll_back):
        command.set_defaults(timeout_s=LOADING_TIMEOUT_S)
    add_envoy(commands.add_parser("envoy", help=ENVOY_HELP))
    return parser


def _add_common(parser: argparse.ArgumentParser) -> None:
    add_connection_options(parser)
    parser.add_argument("--json", action="store_true", help="print JSON, one object per line")


def _add_predict(parser: argparse.ArgumentParser) -> None:
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "prompts", nargs="*", default=[], metavar="PROMPT", help="a prompt; - reads one from stdin"
    )
    source.add_argument(
        "--file",
        metavar="FILE",
        help="a prompt per line, or a JSON object per line with prompt or messages, and optionally "
        f"model, {', '.join(CONDITION_NAMES)}, request_id; - is stdin",
    )
    parser.add_argument(
        "--format", choices=["auto", "text", "jsonl"], default="auto", help="of --file"
    )
    parser.add_argument("--model", default="", help="the LLM that will answer")
    add_sampling_options(parser)
    parser.add_argument(
        "--neighbours", type=int, metavar="N", help="how many past prompts to name (default: 3)"
    )
    parser.set_defaults(run=_predict)


def _add_report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--file", metavar="FILE", help="a JSON object per line; - is stdin")
    parser.add_argument("--prompt", help="the prompt; - reads it from stdin")
    parser.add_argument("--output-tokens", type=int, help="tokens that the LLM generated")
    parser.add_argument("--request-id", help="the completion's own id (default: a new one)")
    parser.add_argument("--model", default="", help="the LLM that answered")
    add_sampling_options(parser)
    parser.add_argument(
        "--finish-reason", choices=["stop", "length"], default="stop", help="length: it was cut off"
    )
    parser.set_defaults(run=_report, parser=parser)


def _add_health(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--service", default="", help="full name (default: the whole server)")
    parser.set_defaults(run=_health)


def _add_info(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_info)


def _add_switch(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "version", nargs="?", default="", help="of the index (default: the newest of its place)"
    )
    parser.set_defaults(run=_switch)


def _add_roll_back(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_roll_back)


def _predict(args: argparse.Namespace) -> int:
    defaults = QueryDefaults(args.model, args.neighbours, sampling_of(args))
    if args.file is not None:
        queries = read_queries(args.file, args.format, defaults)
    else:
        queries = [defaults.query(read_text(p) if p == STDIN else p) for p in args.prompts]
    with client_of(args) as client:
        if len(queries) == 1:
            return _predict_one(client, queries[0], as_json=args.json)
        return _predict_table(client, queries, as_json=args.json)


def _predict_one(client: LengthPredictorClient, query: PredictionQuery, *, as_json: bool) -> int:
    prediction = client.predict(query)
    text = out.prediction_text(prediction)
    print(out.json_line(out.outcome_json(prediction)) if as_json else text)
    return OK


def _predict_table(
    client: LengthPredictorClient, queries: Sequence[PredictionQuery], *, as_json: bool
) -> int:
    """Print as answers come, message by message."""
    refused = 0
    if not as_json:
        print(out.TABLE_HEADER)
    for start in range(0, len(queries), MAX_ITEMS_PER_MESSAGE):
        some = queries[start : start + MAX_ITEMS_PER_MESSAGE]
        for query, outcome in zip(some, client.predict_many(some), strict=True):
            refused += isinstance(outcome, PredictionFailure)
            row = out.outcome_row(outcome, out.shown_prompt(query))
            print(out.json_line(out.outcome_json(outcome)) if as_json else row)
    if refused:
        return _complain(f"{refused} of {len(queries)} prompts got no prediction", FAILED)
    return OK


def _report(args: argparse.Namespace) -> int:
    parser: argparse.ArgumentParser = args.parser
    if args.file is not None:
        if args.prompt is not None or args.output_tokens is not None:
            parser.error("expected either --file or --prompt with --output-tokens, not both")
        completions = read_completions(args.file)
    else:
        if args.prompt is None or args.output_tokens is None:
            parser.error("expected --prompt with --output-tokens, or --file")
        one = CompletedRequest(
            request_id=args.request_id or uuid.uuid4().hex,
            output_tokens=args.output_tokens,
            prompt=read_text(args.prompt) if args.prompt == STDIN else args.prompt,
            model=args.model,
            finish_reason=args.finish_reason,
            **sampling_of(args).sampling_options(),
        )
        completions = [one]
    with client_of(args) as client:
        receipt = client.report(completions)
    counts = {"stored": receipt.stored, "duplicates": receipt.duplicates}
    text = f"stored {receipt.stored:,}, known already {receipt.duplicates:,}"
    print(out.json_line(counts) if args.json else text)
    return OK


def _health(args: argparse.Namespace) -> int:
    with client_of(args) as client:
        status = client.health(args.service)
    print(out.json_line({"status": status.name}) if args.json else status.name)
    return OK if status else FAILED


def _info(args: argparse.Namespace) -> int:
    with client_of(args) as client:
        info = client.info()
    print(out.json_line(out.index_json(info)) if args.json else out.index_text(info))
    return OK


def _switch(args: argparse.Namespace) -> int:
    with client_of(args) as client:
        _show_switch(client.switch_index(args.version), as_json=args.json)
    return OK


def _roll_back(args: argparse.Namespace) -> int:
    with client_of(args) as client:
        _show_switch(client.roll_back(), as_json=args.json)
    return OK


def _show_switch(switch: IndexSwitch, *, as_json: bool) -> None:
    if as_json:
        print(out.json_line(out.switch_json(switch)))
        return
    print(f"serves {switch.version}, before it {switch.before}")
    if not switch.place_told:
        print(
            "this process alone: it cannot write to the place of the index. To have every process "
            f"follow: python -m index_builder use --index STORE {switch.version}"
        )


def _complain(message: object, code: int) -> int:
    """Say in one line on stderr what went wrong."""
    print(f"lengthwise: {' '.join(str(message).split())}", file=sys.stderr)
    return code
