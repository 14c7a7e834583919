"""People with roles, what stands for their passwords, and the audit trail's own entries."""

import sqlalchemy as sa
from alembic import op

from storage.migrations.tables import append_only, sequence

revision = "r0004"
down_revision = "r0003"


def upgrade() -> None:
    op.create_table(
        "person",
        sequence(),
        sa.Column("id", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("roles", sa.String, nullable=False),
        sa.Column("active", sa.Integer, nullable=False),
    )
    op.create_index("person_id", "person", ["id"])
    op.create_table(
        "credential",
        sequence(),
        sa.Column("person", sa.String, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("scheme", sa.String, nullable=False),
        sa.Column("set_by_other", sa.Integer, nullable=False),
    )
    op.create_index("credential_person", "credential", ["person"])
    op.create_table(
        "audit",
        sequence(),
        sa.Column("area", sa.String, nullable=False),
        sa.Column("item", sa.String, nullable=False),
        sa.Column("outcome", sa.String, nullable=False),
        sa.Column("old", sa.String),
        sa.Column("new", sa.String),
    )
    for table in ("person", "credential", "audit"):
        append_only(table)
