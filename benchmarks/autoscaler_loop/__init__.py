"""The autoscaler's real loop: `python -m benchmarks.autoscaler_loop`.

Real vLLM processes with a tiny model, started and stopped by the twin of KEDA and the HPA
(`testbed.keda`), as `python -m autoscaler keda` tells it over gRPC from the engines' /metrics,
while a trace's arrivals are replayed. The same requests are served by fixed numbers of engines.
Nothing is simulated but what an engine's step takes: vLLM's worker keeps a pace.
"""
