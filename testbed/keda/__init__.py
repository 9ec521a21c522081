"""KEDA and the HPA, without a Kubernetes: the twin that tests and the real loop share."""
