"""The sampling temperature of a completion."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of what is there it is not known."""
    op.add_column("lengthwise_completions", sa.Column("temperature", sa.Double))


def downgrade() -> None:
    """Drop it, with all that it holds."""
    op.drop_column("lengthwise_completions", "temperature")
