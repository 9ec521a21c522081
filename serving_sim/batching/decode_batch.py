"""The requests that generate one token each with every step, and memory for what they cache.

Memory is blocks in the GPU, and bytes in the CPU for what was swapped out.
"""

from heapq import heappop, heappush

from serving_sim.engine.engine import Engine
from serving_sim.job import Job


class DecodeBatch:
    """Advances all its requests together, so that a step costs the same however many there are.

    No request is touched as steps go by: each notes the step at which it joined and the one at
    which it ends. What a step needs of memory follows from how many stand at each place within a
    block.

    Args:
        block_tokens: Tokens of a block of keys and values.
    """

    def __init__(self, block_tokens: int) -> None:
        self.steps = 0
        self.count = 0
        self.cached_tokens = 0
        self._block_tokens = block_tokens
        self._phases = [0] * block_tokens
        self._ends: list[tuple[int, int, Job]] = []
        self._tickets = 0

    def add(self, job: Job) -> None:
        """A request whose next step is to generate a token; it has at least one to go."""
        job.joined_step = self.steps
        job.ticket = self._tickets
        self._tickets += 1
        end = self.steps + job.output_tokens - job.generated_tokens
        heappush(self._ends, (end, job.ticket, job))
        self.count += 1
        self.cached_tokens += job.cached_tokens
        self._phases[(job.cached_tokens - self.steps) % self._block_tokens] += 1

    def remove(self, job: Job) -> None:
        """A request stops, with what it has generated until now; its end is forgotten."""
        self._phases[(job.cached_tokens - job.joined_step) % self._block_tokens] -= 1
        job.cached_tokens += self.steps - job.joined_step
        job.generated_tokens += self.steps - job.joined_step
        job.joined_step = job.ticket = -1
        self.count -= 1
        self.cached_tokens -= job.cached_tokens

    def advance(self, steps: int) -> None:
        """Every request generates so many tokens; none ends before the last of them."""
        self.steps += steps
        self.cached_tokens += self.count * steps

    def ended(self) -> list[Job]:
        """Remove and return those whose last token came with the last step."""
        done: list[Job] = []
        while self._ends:
            end, ticket, job = self._ends[0]
            if ticket == job.ticket and end > self.steps:
                break
            heappop(self._ends)
            if ticket == job.ticket:
                self.remove(job)
                done.append(job)
        return done

    def steps_to_end(self) -> int:
        """Steps until the first of them ends; there is one."""
        while self._ends[0][1] != self._ends[0][2].ticket:
            heappop(self._ends)
        return self._ends[0][0] - self.steps

    def blocks_needed(self) -> int:
        """Blocks that the next step takes."""
        return self._phases[-self.steps % self._block_tokens]

    def blocks_within(self, steps: int) -> int:
        """Blocks that the next so many steps take together."""
        rounds, rest = divmod(steps, self._block_tokens)
        start = -self.steps
        last = (self._phases[(start - i) % self._block_tokens] for i in range(rest))
        return rounds * self.count + sum(last)

    def steps_within(self, blocks: int) -> int:
        """The most steps that these blocks suffice for; there is a request."""
        rounds, left = divmod(blocks, self.count)
        steps = rounds * self._block_tokens
        while (needed := self._phases[-(self.steps + steps) % self._block_tokens]) <= left:
            left -= needed
            steps += 1
        return steps

    def generated_tokens(self, job: Job) -> int:
        """So far, of a request in the batch or not."""
        since = self.steps - job.joined_step if job.joined_step >= 0 else 0
        return job.generated_tokens + since

    def cached_of(self, job: Job) -> int:
        """Tokens cached so far, of a request in the batch or not."""
        since = self.steps - job.joined_step if job.joined_step >= 0 else 0
        return job.cached_tokens + since


class Memory:
    """Counts blocks, and the time that transfers take from the next step.

    Args:
        engine: Its blocks in the GPU, and how its preempted requests are swapped.
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

    def evict(self, job: Job) -> None:
        """A preempted request gives up its blocks: swapped out if the CPU has room, else lost."""
        self.release(job)
        moved_bytes = self._swap.moved_bytes_per_token * job.cached_tokens if self._swap else 0.0
        if self._swap is None or moved_bytes > self._cpu_bytes or not job.cached_tokens:
            job.cached_tokens = 0
            return
        job.swapped = True
        self._cpu_bytes -= moved_bytes
        self._transfer(job.cached_tokens)

    def swap_in(self, job: Job) -> None:
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
