"""What stands in the digests: the project's README, the page of the simulator."""

from collections.abc import Mapping
from types import MappingProxyType

from benchmarks.harness.digest import Digest, Line, Pick

_BURST = {"policy": "lengthwise", "slots": 8, "load": 2.0}


def _trained(results: str, predictor: str) -> Pick:
    return Pick(results, "trained", {"set": "Vicuna alone", "predictor": predictor})


HEADLINE = Digest(
    ("", "result", "`python -m`"),
    (
        Line(
            (
                "accuracy",
                "Kendall's tau-b {ours[kendall_tau_b]:.2f} and a mean error of {ours[mae]:.0f} "
                "tokens on held-out prompts (ALISE's predictor {alise[kendall_tau_b]:.2f} and "
                "{alise[mae]:.0f}, SSJF's {ssjf[kendall_tau_b]:.2f} and {ssjf[mae]:.0f}, another "
                "answer of the same LLM {draw[kendall_tau_b]:.2f} and {draw[mae]:.0f})",
                "`benchmarks.training`",
            ),
            {
                "ours": _trained("training", "trained"),
                "alise": _trained("training_peers", "alise"),
                "ssjf": _trained("training_peers", "ssjf-l1"),
                "draw": _trained("training", "LLM's other draw"),
            },
        ),
        Line(
            (
                "gain in vLLM",
                "in a burst of twice what its {jct[slots]} slots serve: mean completion time "
                "{jct[mean]} %, median {jct[p50]} %",
                "`benchmarks.vllm_jct`",
            ),
            {"jct": Pick("vllm_jct_nine_bursts", "vllm_changes", _BURST)},
        ),
        Line(
            (
                "its tail",
                "in the same burst: 99th percentile {jct[p99]} %, longest wait {jct[longest]} %",
                "`benchmarks.vllm_jct`",
            ),
            {"jct": Pick("vllm_jct_nine_bursts", "vllm_changes", _BURST)},
        ),
        Line(
            (
                "overhead",
                "first token of an idle engine after {first[p50]:.1f} ms at the median, plain "
                "vLLM's after {plain[p50]:.1f}; of bursts {burst[predicted]} of {burst[waited]} "
                "requests that waited were ordered by a prediction",
                "`benchmarks.vllm_engine_core`",
            ),
            {
                "first": Pick("vllm_engine_core", "first_token", {"engine": "Lengthwise"}),
                "plain": Pick("vllm_engine_core", "first_token", {"engine": "plain"}),
                "burst": Pick("vllm_engine_core", "bursts", {"engine": "Lengthwise"}),
            },
        ),
        Line(
            (
                "service",
                "{peer[rate][median]:,.0f} predictions/s on two cores for 32 callers whose calls "
                "are coalesced, by a student of two layers: {peer[of_peer][median]:.1f} times what "
                "infinity-emb embeds with all six",
                "`benchmarks.service_load`",
            ),
            {"peer": Pick("service_load_student", "peer", {"asked": "32 callers, coalesced"})},
        ),
        Line(
            (
                "durability",
                "{run[kills]} kills while clients reported {run[acknowledged]:,} lengths: "
                "{run[lost]} lost, {run[duplicated]} stored twice",
                "`benchmarks.durability`",
            ),
            {"run": Pick("durability_sqlite", "kills", {})},
        ),
    ),
    "±: half of the 95 % confidence interval over the seeds. Machines, settings, all tables and "
    "aims: [benchmarks/README.md](benchmarks/README.md).",
)


def _ssjf(batching: str) -> Line:
    return Line(
        (
            f"SSJF, batching: {batching}, Poisson arrivals at 3/s",
            "mean completion time -30.5 to -39.6 %, throughput 2.2 to 3.6 times",
            "{run[five]:+.1%}, {run[throughput]:.1f} times",
        ),
        {"run": Pick("sim_reproduce", f"ssjf_{batching}", {"arrivals": "Poisson 3/s"})},
    )


def _alise(lengths: str, published: str) -> Line:
    return Line(
        (
            f"ALISE, lengths like {lengths}'s",
            f"{published} times the rate at equal latency",
            "{run[at_0.1]:.2f} times at 0.1 s per token, {run[at_0.2]:.2f} at 0.2; "
            "Lengthwise by what remains {ours[at_0.1]:.2f} at 0.1",
        ),
        {
            "run": Pick("sim_reproduce", "alise_rates", {"lengths": lengths, "variant": "ALISE"}),
            "ours": Pick(
                "sim_reproduce",
                "alise_rates",
                {"lengths": lengths, "variant": "Lengthwise, by what remains"},
            ),
        },
    )


SIMULATOR = Digest(
    ("headline, over first come first served", "published", "simulated here"),
    (
        *(_ssjf(batching) for batching in ("none", "dynamic", "continuous")),
        _alise("Alpaca", "1.8"),
        _alise("ShareGPT", "2.1"),
    ),
)

DIGESTS: Mapping[str, Digest] = MappingProxyType({"headline": HEADLINE, "simulator": SIMULATOR})
"""By the name in `<!-- benchmark:NAME -->`."""
