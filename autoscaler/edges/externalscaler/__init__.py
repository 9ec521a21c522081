"""Generated from protos/autoscaler/edges/externalscaler by `make proto`: KEDA's own contract."""
