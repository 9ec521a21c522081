"""Run by alembic: migrates over the connection that `migrate.py` opened."""

from typing import Any

from alembic import context

from lengthwise.history.database.schema import VERSION_TABLE, metadata

options: dict[str, Any] = context.config.attributes

# The caller's transaction is the only one: all changes are made, or none.
context.configure(
    connection=options["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=True,
)
context.run_migrations()
