"""The tables. What is only stored and shown is JSON text; what is asked for has a column of its own.

Rows refer to each other by `key`, a number that nobody outside sees. Ids are what the API shows: they are unique
for a tenant only, so that two tenants can bring in the same ids from elsewhere.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

METADATA = MetaData()

_KEY = BigInteger().with_variant(Integer, "sqlite")
"""SQLite counts only columns of the type INTEGER up by itself."""

FILES = Table(
    "files",
    METADATA,
    Column("key", _KEY, primary_key=True),
    Column("tenant", String, nullable=False),
    Column("id", String, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("state", String, nullable=False),  # coming, there, inline
    Column("purpose", String, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("filename", Text, nullable=False),  # as JSON: a name may hold a NUL
    UniqueConstraint("tenant", "id"),
    sqlite_autoincrement=True,
)

FILE_CHUNKS = Table(
    "file_chunks",
    METADATA,
    Column("file_key", _KEY, ForeignKey("files.key", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("data", LargeBinary, nullable=False),
)

EVALS = Table(
    "evals",
    METADATA,
    Column("key", _KEY, primary_key=True),
    Column("tenant", String, nullable=False),
    Column("id", String, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("label", Text, nullable=False),  # {name, metadata}
    Column("config", Text, nullable=False),  # data_source_config as it is shown
    Column("criteria", Text, nullable=False),  # [{id, …}] with the secrets of endpoint graders
    Column("warnings", Text, nullable=False),
    UniqueConstraint("tenant", "id"),
    sqlite_autoincrement=True,
)

RUNS = Table(
    "runs",
    METADATA,
    Column("key", _KEY, primary_key=True),
    Column("tenant", String, nullable=False),
    Column("id", String, nullable=False),
    Column("eval_key", _KEY, ForeignKey("evals.key", ondelete="CASCADE"), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger),
    Column("status", String, nullable=False),
    Column("label", Text, nullable=False),  # {name, metadata}
    Column("data_source", Text, nullable=False),  # as it is shown
    Column("content_key", _KEY, ForeignKey("files.key", ondelete="SET NULL")),
    Column("total", Integer, nullable=False),
    Column("passed", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("errored", Integer, nullable=False),
    Column("tally", Text, nullable=False),  # {criteria, usage}
    Column("error", Text),  # {code, message}
    Column("warnings", Text, nullable=False),
    Column("items_dropped", Boolean, nullable=False),
    Column("lease_owner", String),
    Column("lease_until", Float, nullable=False),
    UniqueConstraint("tenant", "id"),
    Index("runs_of_eval", "eval_key"),
    Index("runs_by_status", "status", "lease_until"),
    Index("runs_of_content", "content_key"),
    sqlite_autoincrement=True,
)

OUTPUT_ITEMS = Table(
    "output_items",
    METADATA,
    Column("run_key", _KEY, ForeignKey("runs.key", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("id", String, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("status", String, nullable=False),
    Column("item", Text, nullable=False),
    Column("item_hash", String, nullable=False),
    Column("sample", Text),
    Column("results", Text, nullable=False),
    UniqueConstraint("run_key", "id"),
    Index("items_by_status", "run_key", "status", "position"),
)

WEBHOOKS = Table(
    "webhooks",
    METADATA,
    Column("key", _KEY, primary_key=True),
    Column("tenant", String, nullable=False),
    Column("id", String, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("event_types", Text, nullable=False),  # as a JSON array
    Column("secret", String, nullable=False),
    Column("old_secret", String),
    Column("old_secret_until", Float),
    UniqueConstraint("tenant", "id"),
    sqlite_autoincrement=True,
)

DELIVERIES = Table(
    "deliveries",
    METADATA,
    Column("key", _KEY, primary_key=True),
    Column("webhook_key", _KEY, ForeignKey("webhooks.key", ondelete="CASCADE"), nullable=False),
    Column("event_id", String, nullable=False),
    Column("event_type", String, nullable=False),
    Column("subject", String, nullable=False),  # the id of the run
    Column("created_at", BigInteger, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("next_at", Float, nullable=False),
    Index("deliveries_by_time", "next_at"),
    Index("deliveries_of_webhook", "webhook_key"),
    sqlite_autoincrement=True,
)
