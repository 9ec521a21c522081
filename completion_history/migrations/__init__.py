"""The tables' history, applied by `completion_history.migrate`."""
