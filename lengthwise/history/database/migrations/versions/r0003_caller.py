"""Who reported a completion; an id is a caller's own from here on."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TABLE = "lengthwise_completions"
"""As it is called at this revision, whatever it is called later."""
BEFORE, AFTER = f"{TABLE}_request_id_key", f"{TABLE}_request_id_caller"

NAMES = {"uq": "%(table_name)s_%(column_0_name)s_key"}
"""What PostgreSQL called the constraint by itself; SQLite, which knows it without a name, has it
named so while its table is written anew."""


def upgrade() -> None:
    """Add the column, empty in rows that are there, and let two callers give the same id."""
    with op.batch_alter_table(TABLE, naming_convention=NAMES) as table:
        table.add_column(sa.Column("caller", sa.Text, nullable=False, server_default=""))
        table.drop_constraint(BEFORE, type_="unique")
        table.create_unique_constraint(AFTER, ["request_id", "caller"])


def downgrade() -> None:
    """Drop it; fails where two callers gave the same id."""
    with op.batch_alter_table(TABLE, naming_convention=NAMES) as table:
        table.drop_constraint(AFTER, type_="unique")
        table.create_unique_constraint(BEFORE, ["request_id"])
        table.drop_column("caller")
