"""The service's side of the history: where reported completions go. See `completion_history`."""
