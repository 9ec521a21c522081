"""Generated from protos/autoscaler/v1 by `make proto`: what reports demand to the autoscaler."""
