"""`image_search`: one row for each image outside the trash, its id, its place as words, and the words of its prompts.

A full-text table (FTS5) on SQLite, where both texts are searched. On PostgreSQL `words` is a `tsvector` that has the
words of the scope in it. Both get their words ready made (`images.search.words`), so that both find the same. It is in
no MetaData of the host's: no tool could compare it with what a database has.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import DDL, BigInteger, Column, Integer, MetaData, Table, Text, event
from sqlalchemy.dialects.postgresql import TSVECTOR

from invoke_host.images.tables import images

#: Underscores and hyphens belong to words. No word of a prompt has one: a place is never found by what somebody typed.
_FTS5 = (
    """CREATE VIRTUAL TABLE image_search USING fts5(scope, words, tokenize = "ascii tokenchars '_-'", columnsize = 0)"""
)

_POSTGRESQL = (
    """CREATE TABLE image_search (rowid BIGINT NOT NULL, scope TEXT NOT NULL, words TSVECTOR NOT NULL,
    CONSTRAINT pk_image_search PRIMARY KEY (rowid))""",
    "CREATE INDEX ix_image_search_words ON image_search USING gin (words)",
)

image_search = Table(
    "image_search",
    MetaData(),
    Column("rowid", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),  # images.id
    Column("scope", Text, nullable=False),
    Column("words", Text().with_variant(TSVECTOR(), "postgresql"), nullable=False),
)

_ddl: Callable[[str], DDL] = DDL  # SQLAlchemy leaves it without types

# Whoever makes the table `images` from its model gets its index as well; a host's own database has it from a migration.
event.listen(images, "after_create", _ddl(_FTS5).execute_if(dialect="sqlite"))
for _statement in _POSTGRESQL:
    event.listen(images, "after_create", _ddl(_statement).execute_if(dialect="postgresql"))
