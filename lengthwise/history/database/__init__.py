"""The history: completions in a database, written by the service and read by the index job.

SQLAlchemy comes in with `writer` and `reader`, not with the package.
"""
