"""What the options of the command line ask for."""

from pathlib import Path
from typing import cast

from serving_sim.engine.engine import Batching, Engine, KvSwap
from serving_sim.engine.profile import Profile
from serving_sim.errors import InvalidEngineError, InvalidWorkloadError
from serving_sim.workload.length_table import DEFAULT_INPUT_TOKENS, LengthTable
from serving_sim.workload.predictor import Predictor
from serving_sim.workload.workload import ArrivalProcess, Workload, gamma_arrivals, trace_arrivals


def numbers(text: str, option: str) -> list[float]:
    """Numbers with commas between."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        raise InvalidWorkloadError(
            f"{option} is {text!r}: expected numbers with commas between, as in 0.7,0.9"
        ) from error


def engine_of(
    profile: Profile,
    batching: str,
    slots: int,
    *,
    kv_blocks: int | None,
    step_tokens: int,
    swapping: bool,
) -> Engine:
    """The engine that the options ask for, with the memory that the profile knows.

    Raises:
        InvalidEngineError: It is to swap, and the profile does not say how fast.
    """
    swap = None
    if swapping:
        if profile.kv_bytes_per_token is None or profile.link_bytes_per_s is None:
            raise InvalidEngineError(
                f"--swap with profile {profile.name!r}: it says nothing of kv_bytes_per_token and "
                "link_bytes_per_s"
            )
        swap = KvSwap(profile.kv_bytes_per_token, profile.link_bytes_per_s)
    return Engine(
        cast("Batching", batching),
        1 if batching == "none" else slots,
        kv_blocks=profile.kv_blocks if kv_blocks is None else kv_blocks,
        block_tokens=profile.block_tokens,
        step_tokens=max(step_tokens, slots),
        swap=swap,
    )


def workload_of(
    lengths: Path | None,
    trace: Path | None,
    cv: float,
    predictor: Predictor,
    *,
    input_tokens: int | None,
    max_tokens: int | None,
) -> Workload:
    """What the options ask to be served.

    Args:
        lengths: File with them; None: those of the trace.
        trace: File with arrivals; None draws them.
        cv: Coefficient of variation of drawn gaps, above 0; 1 is Poisson. A trace has its own.
        predictor: Says what lengths the schedulers reckon with.
        input_tokens: Of prompts, where the file does not say; None takes a usual length for
            --lengths, and refuses a trace that does not say.
        max_tokens: Longer rows, prompt and answer together, are left out.

    Raises:
        InvalidWorkloadError: Nothing says how long requests are, or when they come.
    """
    path = lengths or trace
    if path is None:
        raise InvalidWorkloadError("expected --lengths, --trace or both: nothing says how long")
    if input_tokens is None and lengths is not None:
        input_tokens = DEFAULT_INPUT_TOKENS
    table = LengthTable.from_file(
        path, predicted_column=predictor.column, input_tokens=input_tokens
    )
    arrivals: ArrivalProcess = gamma_arrivals(cv)
    if trace is not None:
        timestamp_s = (table if lengths is None else LengthTable.from_file(trace)).timestamp_s
        if timestamp_s is None:
            raise InvalidWorkloadError(f"--trace is {trace}: expected a column timestamp_s")
        arrivals = trace_arrivals(timestamp_s)
    table = table.within(max_tokens)
    predicted = predictor.predict(table)
    ordered = lengths is None
    return Workload(table, arrivals, predicted.tokens, predicted.distributions, ordered=ordered)
