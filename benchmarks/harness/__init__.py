"""What the measurements share: the machine, options, reports and tables, workloads, processes."""
