"""The completions and their ledger."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    sequence = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "lengthwise_completions",
        sa.Column("sequence", sequence, primary_key=True, autoincrement=False),
        sa.Column("request_id", sa.Text, nullable=False, unique=True),
        sa.Column("stored_unix_s", sa.Double, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("prompt", sa.Text),
        sa.Column("prompt_chars", sa.Integer, nullable=False),
        sa.Column("output_tokens", sa.Integer, nullable=False),
        sa.Column("max_tokens", sa.Integer),
        sa.Column("finish_reason", sa.Text, nullable=False),
        sa.Column("vector", sa.LargeBinary),
        sa.Column("encoder_hash", sa.Text),
        sa.Column("row_bytes", sa.Integer, nullable=False),
    )
    ledger = op.create_table(
        "lengthwise_ledger",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("last_sequence", sa.BigInteger, nullable=False),
        sa.Column("kept_rows", sa.BigInteger, nullable=False),
        sa.Column("kept_bytes", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(ledger, [{"id": 1, "last_sequence": 0, "kept_rows": 0, "kept_bytes": 0}])


def downgrade() -> None:
    """Drop them, with all that they hold."""
    op.drop_table("lengthwise_ledger")
    op.drop_table("lengthwise_completions")
