"""The table of passwords."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "auth_local_passwords",
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("login", sa.String(320), nullable=False),
        sa.Column("password_hash", sa.String(255), nullable=False),
        sa.Column("changed_at", sa.String(23), nullable=False),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_auth_local_passwords")),
        sa.UniqueConstraint("login", name=op.f("uq_auth_local_passwords_login")),
    )
