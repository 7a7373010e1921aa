"""Groups that a directory decides about, and when it was last asked about somebody."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Everything that is there was put there by administrators, and providers were asked at logins only."""
    op.add_column("group_members", sa.Column("provider", sa.String(64)))
    op.add_column("identities", sa.Column("checked_at", sa.String(23)))
    op.add_column("identities", sa.Column("blocked_at", sa.String(23)))
    op.execute("UPDATE identities SET checked_at = last_login_at")
    op.create_index("ix_identities_checked_at", "identities", ["provider", "checked_at"])
