"""How many engines to run: after Chiron (Patke et al. 2025, arXiv 2501.08090), by predicted tokens.

`core` decides, and is pure; `config` says by what; `edges` observe the fleet and answer KEDA; `cli`
holds the commands.
"""
