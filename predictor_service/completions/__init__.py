"""Where reported completions go: the service's side of `lengthwise.history`."""
