"""Records that were made, version by version, and who signed them."""

import sqlalchemy as sa
from alembic import op

from storage.migrations.tables import append_only, sequence

revision = "r0008"
down_revision = "r0007"

TABLES = ("edition", "signature")


def upgrade() -> None:
    op.create_table(
        "edition",
        sequence(),
        sa.Column("record", sa.String, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("manifest", sa.String(64), nullable=False),
        sa.Column("content", sa.String, nullable=False),
    )
    op.create_index("edition_version", "edition", ["subject", "version"], unique=True)
    op.create_index("edition_manifest", "edition", ["manifest"], unique=True)
    op.create_table(
        "signature",
        sequence(),
        sa.Column("manifest", sa.String(64), nullable=False),
        sa.Column("step", sa.String, nullable=False),
        sa.Column("content", sa.String, nullable=False),
    )
    op.create_index("signature_step", "signature", ["manifest", "step"], unique=True)
    for table in TABLES:
        append_only(table)
