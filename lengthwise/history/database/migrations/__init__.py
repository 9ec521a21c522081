"""The tables' history, applied by `lengthwise.history.database.migrate`."""
