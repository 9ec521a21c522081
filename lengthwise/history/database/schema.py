"""The tables as the program uses them; `migrations` makes them.

Every commit that adds rows first locks the ledger's one row, so commits come one after another and
in the order of their sequence numbers, whichever process makes them: who has seen number N has
seen, or will never see, everything below N. A sequence of PostgreSQL's own would not give that: it
hands numbers out before the commit.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

# In SQLite only INTEGER makes a primary key of the row's own number, without a second index.
SEQUENCE = BigInteger().with_variant(Integer, "sqlite")

VERSION_TABLE = "lengthwise_schema"
"""Where alembic notes how far the tables have been migrated."""

UNIQUE = ("request_id", "caller")
"""By these a completion is known again when it is reported once more."""

completions = Table(
    "lengthwise_completions",
    metadata,
    # Ascends in the order of commits, with gaps; never used twice.
    Column("sequence", SEQUENCE, primary_key=True, autoincrement=False),
    Column("request_id", Text, nullable=False),
    # Who reported it, as the service names its callers; "" in rows from before callers were kept.
    Column("caller", Text, nullable=False, server_default=""),
    Column("stored_unix_s", Double, nullable=False),
    Column("model", Text, nullable=False),
    # Null where only the vector is kept.
    Column("prompt", Text),
    Column("prompt_chars", Integer, nullable=False),
    Column("output_tokens", Integer, nullable=False),
    Column("max_tokens", Integer),
    # Of the sampling; null where it is not known.
    Column("temperature", Double),
    # "stop", or "length" for an answer that was cut off.
    Column("finish_reason", Text, nullable=False),
    # Little-endian float16, as many as the encoder has dimensions; null where the text is kept.
    Column("vector", LargeBinary),
    Column("encoder_hash", Text),
    # Roughly what the row takes, for retention by size.
    Column("row_bytes", Integer, nullable=False),
    # Each caller numbers its requests as it likes.
    UniqueConstraint(*UNIQUE, name="lengthwise_completions_request_id_caller"),
)

CompletionRow = tuple[
    int,
    str,
    str,
    float,
    str,
    str | None,
    int,
    int,
    int | None,
    float | None,
    str,
    bytes | None,
    str | None,
    int,
]
"""A row to insert, in the order of the columns."""

ledger = Table(
    "lengthwise_ledger",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    # The highest number ever given, which outlives the row that had it.
    Column("last_sequence", BigInteger, nullable=False),
    Column("kept_rows", BigInteger, nullable=False),
    Column("kept_bytes", BigInteger, nullable=False),
)

LEDGER_ID = 1
"""Of the ledger's one row."""
