"""Memory for keys and values: blocks in the GPU, and bytes in the CPU for what was swapped out."""

from serving_sim.engine.engine import Engine
from serving_sim.job import Job


class Memory:
    """Counts blocks, and the time that transfers take from the next step.

    Args:
        engine: How much there is.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._swap = engine.swap
        self._cpu_bytes = engine.swap.cpu_bytes if engine.swap else 0.0
        self.free_blocks = engine.total_blocks
        self.transfer_s = 0.0
        self.swapped_tokens = 0

    def blocks_of(self, tokens: int) -> int:
        """Blocks that so many tokens of one request take."""
        return -(-tokens // self._engine.block_tokens)

    def release(self, job: Job) -> None:
        """Free what a request holds that is in no batch."""
        self.free_blocks += self.blocks_of(job.cached_tokens)

    def put_out(self, job: Job) -> None:
        """A preempted request gives up its blocks: swapped out where it can be, else forgotten."""
        self.release(job)
        moved_bytes = self._swap.moved_bytes_per_token * job.cached_tokens if self._swap else 0.0
        if self._swap is None or moved_bytes > self._cpu_bytes or not job.cached_tokens:
            job.cached_tokens = 0
            return
        job.swapped = True
        self._cpu_bytes -= moved_bytes
        self._transfer(job.cached_tokens)

    def bring_in(self, job: Job) -> None:
        """A swapped request comes back; its blocks are the caller's to take."""
        if self._swap is not None:
            self._cpu_bytes += self._swap.moved_bytes_per_token * job.cached_tokens
            self._transfer(job.cached_tokens)
        job.swapped = False

    def _transfer(self, tokens: int) -> None:
        if self._swap is not None:
            self.transfer_s += self._swap.transfer_s(tokens)
            self.swapped_tokens += tokens

    def step_with_transfers(self, step_s: float) -> float:
        """The time of the next step, with what was moved for it; what is moved is done then."""
        transfer_s, self.transfer_s = self.transfer_s, 0.0
        if self._swap is not None and self._swap.overlapped:
            return max(step_s, transfer_s)
        return step_s + transfer_s
