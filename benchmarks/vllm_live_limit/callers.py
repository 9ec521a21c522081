"""Callers in a closed loop, on the engine's modelled clock."""
# pyright: basic, reportMissingImports=false
# vLLM is the host's: it is not in the environment that types are checked in.

import random
import time
from collections.abc import Sequence
from typing import Any

from benchmarks.vllm_live_limit.engine import SLOTS
from benchmarks.vllm_live_limit.outcome import SLO_S, Asked, PhaseResult, Tally
from benchmarks.vllm_live_limit.phases import Phase, Setting
from scheduler_client.vllm_plugin.batch_limit.live_limit import LiveLimit
from testbed.in_engine.modelled_engine import ModelledEngine

NOISE = 0.1
"""Standard deviation of a step's time, as a share of it: more than a GPU has."""

TOKEN_ID = 1_000
"""Prompts repeat one word of the tiny model's vocabulary, each another: only lengths matter."""


class CallersRun:
    """One run through all phases, under one setting.

    Where a phase ends, who still waits for a first token gives up, and who runs is served to the
    end, beside the callers of the next.

    Args:
        engine: With a LengthwiseScheduler.
        setting: The limit, or that it is live.
        seed: Of the requests and the noise.
    """

    def __init__(self, engine: ModelledEngine, setting: Setting, seed: int) -> None:
        self._engine = engine
        self._chance = random.Random(seed)
        self._noise = random.Random(seed + 1)
        self._factor = 1.0
        self._now_s = 0.0
        self._sent = 0
        self._asked: dict[str, Asked] = {}
        self._last_s: dict[str, float] = {}
        self.limit_us: list[float] = []
        scheduler = engine.scheduler
        scheduler.max_num_active_reqs = setting.limit or SLOTS
        scheduler.max_num_scheduled_tokens = setting.step_tokens
        scheduler.live_limit = None
        if setting.limit is None:
            scheduler.live_limit = LiveLimit(scheduler, SLO_S, self._clock)
            self._time_the_limit(scheduler.live_limit)

    def run(self, phases: Sequence[Phase]) -> list[PhaseResult]:
        """Serve every phase, then let what runs go."""
        results = [self._serve(phase) for phase in phases]
        self._give_up(list(self._asked))
        while self._engine.llm.llm_engine.has_unfinished_requests():
            self._engine.llm.llm_engine.step()
        return results

    def _serve(self, phase: Phase) -> PhaseResult:
        until_s, tally = self._now_s + phase.seconds, Tally()
        self._give_up([name for name, asked in self._asked.items() if not asked.first_s])
        while self._now_s < until_s:
            while len(self._asked) < phase.callers:
                self._send(phase)
            self._step(tally)
        return tally.result(phase.seconds)

    def _clock(self) -> float:
        """The end of the step that runs: vLLM asks when its tokens are there."""
        return self._now_s + self._factor * self._engine.step_s

    def _step(self, tally: Tally) -> None:
        self._factor = max(0.5, self._noise.gauss(1, NOISE))
        tally.limits.append(self._engine.scheduler.max_num_active_reqs)
        outputs = self._engine.llm.llm_engine.step()
        self._now_s = self._clock()
        for output in outputs:
            asked = self._asked[output.request_id]
            asked.tokens += len(output.outputs[0].token_ids)
            if not asked.first_s:
                asked.first_s = self._now_s
            else:
                tally.gaps += 1
                tally.gaps_within += self._now_s - self._last_s[output.request_id] <= SLO_S
            self._last_s[output.request_id] = self._now_s
            if output.finished:
                asked.ended_s = self._now_s
                tally.ended.append(self._asked.pop(output.request_id))
                del self._last_s[output.request_id]

    def _send(self, phase: Phase) -> None:
        from vllm.sampling_params import (  # noqa: PLC0415  heavy
            RequestOutputKind,
            SamplingParams,
        )

        prompt_tokens, answer_tokens = phase.draw(self._chance)
        params = SamplingParams(
            temperature=0,
            max_tokens=answer_tokens,
            ignore_eos=True,
            detokenize=False,
            output_kind=RequestOutputKind.DELTA,
        )
        self._sent += 1
        prompt: Any = {"prompt_token_ids": [TOKEN_ID + self._sent] * prompt_tokens}
        name = str(self._sent)
        self._asked[name] = Asked(self._now_s)
        self._engine.llm.llm_engine.add_request(name, prompt, params)

    def _give_up(self, names: list[str]) -> None:
        self._engine.llm.llm_engine.abort_request(names)
        for name in names:
            del self._asked[name]
            self._last_s.pop(name, None)

    def _time_the_limit(self, limit: LiveLimit) -> None:
        """Note what each step costs the engine for the limit's sake, in microseconds."""
        seen = limit.after_step

        def timed(step: Any, outputs: Any) -> None:
            began_s = time.thread_time()  # others of the machine do not count
            seen(step, outputs)
            self.limit_us.append(1e6 * (time.thread_time() - began_s))

        limit.after_step = timed
