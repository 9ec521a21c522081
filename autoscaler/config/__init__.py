"""The configuration of a fleet, from YAML: checked when it is read."""
