"""Generated from protos/ by `make proto`: what of Envoy's own contract is needed here."""
