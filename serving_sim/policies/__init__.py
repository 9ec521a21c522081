"""Scheduling policies: which waiting request runs next, and which running one is preempted."""
