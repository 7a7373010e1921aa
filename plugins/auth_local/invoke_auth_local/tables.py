"""The passwords of accounts, by subject: the id that the host gives an account. All else is in the host's tables."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Column, MetaData, String, Table

from invoke_host.api import MigrationLineage

metadata = MetaData(naming_convention={"pk": "pk_%(table_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s"})

passwords = Table(
    "auth_local_passwords",
    metadata,
    Column("subject", String(255), primary_key=True),
    Column("login", String(320), nullable=False, unique=True),  # folded (`api.fold_login`)
    Column("password_hash", String(255), nullable=False),
    Column("changed_at", String(23), nullable=False),  # when the password was; a new hash of the same is no change
)

lineage = MigrationLineage(
    name="local",
    script_location=Path(__file__).parent / "migrations",
    metadata=metadata,
    prefix="auth_local_",
    requires_host="0002",
)
