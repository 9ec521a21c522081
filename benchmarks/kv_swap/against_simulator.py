"""The simulator's model of swapping beside the real engine, on the same requests and clock."""

from benchmarks.harness.table import Column, Row, Table
from benchmarks.kv_swap.latency import RATE_PER_S, REQUESTS, Way, run
from benchmarks.kv_swap.setting import Setting, Times, profile, simulated_engine
from serving_sim.policies.registry import PolicyChoice
from serving_sim.simulate import simulate

WAYS = (Way("FCFS", "recompute"), Way("FCFS", "16 bits"), Way("FCFS", "8 bits"))
POLICY = {"FCFS": "fcfs", "SRPT": "srpt"}
RATES_PER_S = (RATE_PER_S,)


def against_simulator(setting: Setting, seed: int = 0) -> Table:
    """Each run twice: by the engine and by the simulator."""
    count = setting.count(REQUESTS)
    rows: list[Row] = []
    for point in run(setting, "ShareGPT", count, rates=RATES_PER_S, ways=WAYS, seed=seed):
        requests = setting.requests("ShareGPT", count, point.rate_per_s, seed)
        engine, cost = simulated_engine(point.way.kind), profile().cost
        policy = PolicyChoice(POLICY[point.way.order]).make(cost, engine)
        result = simulate(requests, policy, engine, cost)
        simulated = Times.from_run([float(end) for end in result.completed_s], requests)
        rows.append(
            {
                "way": point.way.name,
                "rate": point.rate_per_s,
                "engine_s": point.times.mean_s,
                "simulated_s": simulated.mean_s,
                "error": 100 * (simulated.mean_s / point.times.mean_s - 1),
                "p99_error": 100 * (simulated.p99_s / point.times.p99_s - 1),
                "preemptions": point.served.counts["preemptions"],
                "simulated_preemptions": int(result.preemptions.sum()),
            }
        )
    columns = (
        Column("way", "order, preempted"),
        Column("rate", "requests/s", "{:.2f}"),
        Column("engine_s", "mean s, vLLM", "{:.2f}"),
        Column("simulated_s", "simulated", "{:.2f}"),
        Column("error", "error %", "{:+.1f}"),
        Column("p99_error", "p99 error %", "{:+.1f}"),
        Column("preemptions", "preemptions, vLLM"),
        Column("simulated_preemptions", "simulated"),
    )
    return Table("simulator", "The simulator beside the engine", columns, rows)
