"""Boards, the trash, full-text search, downloads; workflows, presets, prompts, client state; audiences of events."""

from __future__ import annotations

import json
import re
import tomllib
import unicodedata
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UUID = sa.String(36)
TIMESTAMP = sa.String(23)

LIVE = sa.text("deleted_at IS NULL")
IN_TRASH = sa.text("deleted_at IS NOT NULL")


def upgrade() -> None:
    """Make the tables, move the images' texts, count anew and index the prompts."""
    _boards()
    _images()
    _image_counts()
    _image_search()
    _downloads()
    _workflows()
    _style_presets()
    _system_prompts()
    _client_state()
    _defaults()
    for name in ("board_id", "except_board_id", "except_user_id"):
        op.add_column("outbox", sa.Column(name, UUID))


def _on_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def _owned_columns(table: str) -> list[Any]:
    return [
        sa.Column("id", UUID, nullable=False),
        sa.Column("user_id", UUID, nullable=False),
        sa.Column("visibility", sa.String(16), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f(f"fk_{table}_user_id_users")),
        sa.CheckConstraint("visibility IN ('private', 'public')", name=op.f(f"ck_{table}_visibility")),
    ]


def _times() -> list[sa.Column[Any]]:
    return [sa.Column("created_at", TIMESTAMP, nullable=False), sa.Column("updated_at", TIMESTAMP, nullable=False)]


def _boards() -> None:
    op.create_table(
        "boards",
        sa.Column("id", UUID, nullable=False),
        sa.Column("name", sa.String(300), nullable=False),
        sa.Column("user_id", UUID, nullable=False),
        sa.Column("visibility", sa.String(16), nullable=False),
        sa.Column("archived", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("cover_image_name", sa.String(64)),
        *_times(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_boards")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_boards_user_id_users")),
        sa.CheckConstraint("visibility IN ('private', 'shared', 'public')", name=op.f("ck_boards_visibility")),
    )
    op.create_index("ix_boards_user_id", "boards", ["user_id"])
    op.create_index("ix_boards_created_at_id", "boards", ["created_at", "id"])
    op.create_table(
        "board_grants",
        sa.Column("id", ID, nullable=False),
        sa.Column("board_id", UUID, nullable=False),
        sa.Column("user_id", UUID),
        sa.Column("group_id", UUID),
        sa.Column("role", sa.String(16), nullable=False),
        *_times(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_board_grants")),
        sa.ForeignKeyConstraint(
            ["board_id"], ["boards.id"], name=op.f("fk_board_grants_board_id_boards"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_board_grants_user_id_users"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["group_id"], ["groups.id"], name=op.f("fk_board_grants_group_id_groups"), ondelete="CASCADE"
        ),
        sa.CheckConstraint("(user_id IS NULL) <> (group_id IS NULL)", name=op.f("ck_board_grants_one_grantee")),
        sa.CheckConstraint("role IN ('viewer', 'contributor', 'editor')", name=op.f("ck_board_grants_role")),
    )
    op.create_index("uq_board_grants_user", "board_grants", ["board_id", "user_id"], unique=True)
    op.create_index("uq_board_grants_group", "board_grants", ["board_id", "group_id"], unique=True)
    op.create_index("ix_board_grants_user_id", "board_grants", ["user_id"])
    op.create_index("ix_board_grants_group_id", "board_grants", ["group_id"])


def _images() -> None:
    op.create_table(
        "image_texts",
        sa.Column("image_id", ID, nullable=False, autoincrement=False),
        sa.Column("metadata", sa.Text),
        sa.Column("workflow", sa.Text),
        sa.Column("graph", sa.Text),
        sa.PrimaryKeyConstraint("image_id", name=op.f("pk_image_texts")),
        sa.ForeignKeyConstraint(
            ["image_id"], ["images.id"], name=op.f("fk_image_texts_image_id_images"), ondelete="CASCADE"
        ),
    )
    op.execute(
        "INSERT INTO image_texts (image_id, metadata) SELECT id, metadata FROM images WHERE metadata IS NOT NULL"
    )
    op.drop_index("ix_images_owner_stream", "images")
    op.drop_index("ix_images_stream", "images")
    newest = op.get_bind().scalar(sa.text("SELECT max(id) FROM images")) or 0
    if _on_sqlite():  # the copy must not give out again the ids of images that are deleted
        used = op.get_bind().scalar(sa.text("SELECT seq FROM sqlite_sequence WHERE name = 'images'"))
        newest = max(newest, used or 0)
    with op.batch_alter_table("images", table_kwargs={"sqlite_autoincrement": True}) as images:
        images.drop_column("metadata")
        images.add_column(sa.Column("board_id", UUID))
        images.add_column(sa.Column("deleted_at", TIMESTAMP))
        images.add_column(sa.Column("deleted_by", UUID))
        images.create_foreign_key(op.f("fk_images_board_id_boards"), "boards", ["board_id"], ["id"])
    if _on_sqlite() and newest:
        op.get_bind().execute(sa.text("DELETE FROM sqlite_sequence WHERE name = 'images'"))
        op.get_bind().execute(
            sa.text("INSERT INTO sqlite_sequence (name, seq) VALUES ('images', :seq)"), {"seq": newest}
        )
    kind = ["is_intermediate", "category", "starred", "id"]
    for name, place in (
        ("ix_images_stream", []),
        ("ix_images_board_stream", ["board_id"]),
        ("ix_images_owner_stream", ["user_id", "board_id"]),
    ):
        names = ["name"] if name == "ix_images_board_stream" else []
        op.create_index(name, "images", [*place, *kind, *names], sqlite_where=LIVE, postgresql_where=LIVE)
    for name, place in (
        ("ix_images_trash", []),
        ("ix_images_trash_owner", ["user_id"]),
        ("ix_images_trash_board", ["board_id"]),
    ):
        op.create_index(name, "images", [*place, "deleted_at", "id"], sqlite_where=IN_TRASH, postgresql_where=IN_TRASH)


def _image_counts() -> None:
    op.drop_table("image_counts")
    op.create_table(
        "image_counts",
        sa.Column("user_id", UUID, nullable=False),
        sa.Column("board_id", UUID, nullable=False),
        sa.Column("category", sa.String(16), nullable=False),
        sa.Column("is_intermediate", sa.Boolean, nullable=False),
        sa.Column("starred", sa.Boolean, nullable=False),
        sa.Column("count", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.PrimaryKeyConstraint(
            "user_id", "board_id", "category", "is_intermediate", "starred", name=op.f("pk_image_counts")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_image_counts_user_id_users")),
    )
    op.create_index(
        "ix_image_counts_board_id",
        "image_counts",
        ["board_id", "is_intermediate", "category", "starred", "count"],
    )
    op.create_index("ix_image_counts_kind", "image_counts", ["is_intermediate", "category", "starred", "count"])
    op.execute(
        "INSERT INTO image_counts (user_id, board_id, category, is_intermediate, starred, count) "
        "SELECT user_id, 'none', category, is_intermediate, starred, count(*) FROM images "
        "GROUP BY user_id, category, is_intermediate, starred"
    )
    op.create_table(
        "image_days",
        sa.Column("user_id", UUID, nullable=False),
        sa.Column("board_id", UUID, nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("category", sa.String(16), nullable=False),
        sa.Column("is_intermediate", sa.Boolean, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("last_id", ID, nullable=False),
        sa.PrimaryKeyConstraint(
            "user_id", "board_id", "day", "category", "is_intermediate", name=op.f("pk_image_days")
        ),
    )
    op.create_index(
        "ix_image_days_board_id",
        "image_days",
        ["board_id", "is_intermediate", "day", "category", "count", "last_id"],
    )
    op.execute(
        "INSERT INTO image_days (user_id, board_id, day, category, is_intermediate, count, last_id) "
        "SELECT user_id, 'none', substr(created_at, 1, 10), category, is_intermediate, count(*), max(id) FROM images "
        "GROUP BY user_id, substr(created_at, 1, 10), category, is_intermediate"
    )


def _image_search() -> None:
    """One row for each image outside the trash: its words, and its place as words of another kind (`_u<user>` ...)."""
    if _on_sqlite():
        op.execute(
            "CREATE VIRTUAL TABLE image_search USING fts5"
            """(scope, words, tokenize = "ascii tokenchars '_-'", columnsize = 0)"""
        )
        insert = sa.text("INSERT INTO image_search (rowid, scope, words) VALUES (:id, :scope, :words)")
    else:
        op.create_table(
            "image_search",
            sa.Column("rowid", sa.BigInteger, nullable=False, autoincrement=False),
            sa.Column("scope", sa.Text, nullable=False),
            sa.Column("words", sa.dialects.postgresql.TSVECTOR, nullable=False),
            sa.PrimaryKeyConstraint("rowid", name=op.f("pk_image_search")),
        )
        op.create_index("ix_image_search_words", "image_search", ["words"], postgresql_using="gin")
        insert = sa.text(
            "INSERT INTO image_search (rowid, scope, words) VALUES (:id, :scope, CAST(:words AS tsvector))"
        )
    connection = op.get_bind()
    columns = "i.id, i.user_id, i.origin, i.category, i.is_intermediate, i.starred, i.created_at, t.metadata"
    select = sa.text(
        f"SELECT {columns} FROM images i LEFT JOIN image_texts t ON t.image_id = i.id "  # noqa: S608 - constant
        "WHERE i.id > :after ORDER BY i.id LIMIT 1000"
    )
    after = 0
    while rows := connection.execute(select, {"after": after}).all():
        connection.execute(
            insert,
            [
                {"id": row.id, "scope": " ".join(_place(row)), "words": _indexed(_place(row), _said(row))}
                for row in rows
            ],
        )
        after = rows[-1].id


def _indexed(places: list[str], words: list[str]) -> str:
    """What is searched beside the scope: the words as text, or scope and words in the text form of a tsvector."""
    if _on_sqlite():
        return " ".join(words)
    at: dict[str, list[str]] = {}
    for number, word in enumerate(words, start=1):
        at.setdefault(word, []).append(str(number))
    return " ".join([*(f"'{word}'" for word in places), *(f"'{word}':{','.join(found)}" for word, found in at.items())])


def _place(row: Any) -> list[str]:
    day = row.created_at[:10].replace("-", "")
    kind = [f"_o{row.origin}", f"_c{row.category}", f"_i{row.is_intermediate:d}", f"_s{row.starred:d}"]
    return [f"_u{row.user_id}", "_bnone", *kind, f"_d{day[:4]}", f"_d{day[:6]}", f"_d{day}"]


def _said(row: Any) -> list[str]:
    try:
        found = json.loads(row.metadata or "{}")
    except ValueError:
        return []
    if not isinstance(found, dict):
        return []
    model = found.get("model")
    said = [found.get(key) for key in ("positive_prompt", "negative_prompt", "scheduler", "seed")]
    said.append(model.get("name") if isinstance(model, dict) else None)
    return _words(" ".join(str(each) for each in said if isinstance(each, (str, int)))[:8000])


#: Kana and Chinese characters: each is a word, for they are written without blanks.
_ALONE = re.compile("([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff])")


def _words(text: str) -> list[str]:
    marked = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    plain = "".join("" if unicodedata.combining(letter) else letter if letter.isalnum() else " " for letter in marked)
    return [word[:64] for word in _ALONE.sub(r" \1 ", plain).split()]


def _downloads() -> None:
    op.create_table(
        "downloads",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("user_id", UUID, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("image_count", sa.Integer, nullable=False),
        sa.Column("size_bytes", sa.BigInteger),
        sa.Column("created_at", TIMESTAMP, nullable=False),
        sa.Column("expires_at", TIMESTAMP, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_downloads")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_downloads_user_id_users"), ondelete="CASCADE"),
    )
    op.create_index("ix_downloads_user_id", "downloads", ["user_id"])
    op.create_index("ix_downloads_expires_at", "downloads", ["expires_at"])


def _workflows() -> None:
    op.create_table(
        "workflows",
        *_owned_columns("workflows"),
        sa.Column("category", sa.String(16), nullable=False),
        sa.Column("name", sa.String(512), nullable=False),
        sa.Column("name_key", sa.String(512), nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("tags", sa.Text, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("thumbnail_id", UUID),
        sa.Column("thumbnail_sha256", sa.String(64)),
        *_times(),
        sa.Column("workflow", sa.Text, nullable=False),
    )
    op.create_index("ix_workflows_user_id_updated_at_id", "workflows", ["user_id", "updated_at", "id"])
    op.create_index("ix_workflows_visibility_updated_at_id", "workflows", ["visibility", "updated_at", "id"])
    op.create_table(
        "workflow_tags",
        sa.Column("workflow_id", UUID, nullable=False),
        sa.Column("tag", sa.String(128), nullable=False),
        sa.PrimaryKeyConstraint("workflow_id", "tag", name=op.f("pk_workflow_tags")),
        sa.ForeignKeyConstraint(
            ["workflow_id"], ["workflows.id"], name=op.f("fk_workflow_tags_workflow_id_workflows"), ondelete="CASCADE"
        ),
    )
    op.create_index("ix_workflow_tags_tag", "workflow_tags", ["tag", "workflow_id"])
    op.create_table(
        "workflow_opens",
        sa.Column("user_id", UUID, nullable=False),
        sa.Column("workflow_id", UUID, nullable=False),
        sa.Column("opened_at", TIMESTAMP, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "workflow_id", name=op.f("pk_workflow_opens")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_workflow_opens_user_id_users"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["workflow_id"], ["workflows.id"], name=op.f("fk_workflow_opens_workflow_id_workflows"), ondelete="CASCADE"
        ),
    )
    op.create_index("ix_workflow_opens_workflow_id", "workflow_opens", ["workflow_id"])


def _style_presets() -> None:
    op.create_table(
        "style_presets",
        *_owned_columns("style_presets"),
        sa.Column("type", sa.String(16), nullable=False),
        sa.Column("name", sa.String(512), nullable=False),
        sa.Column("name_key", sa.String(512), nullable=False),
        sa.Column("positive_prompt", sa.Text, nullable=False),
        sa.Column("negative_prompt", sa.Text, nullable=False),
        sa.Column("image_id", UUID),
        sa.Column("image_sha256", sa.String(64)),
        *_times(),
    )
    op.create_index("ix_style_presets_user_id_name_key_id", "style_presets", ["user_id", "name_key", "id"])
    op.create_index("ix_style_presets_visibility_name_key_id", "style_presets", ["visibility", "name_key", "id"])


def _system_prompts() -> None:
    op.create_table(
        "system_prompts",
        *_owned_columns("system_prompts"),
        sa.Column("name", sa.String(512), nullable=False),
        sa.Column("name_key", sa.String(512), nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        *_times(),
    )
    op.create_index("ix_system_prompts_user_id_name_key_id", "system_prompts", ["user_id", "name_key", "id"])
    op.create_index("ix_system_prompts_visibility_name_key_id", "system_prompts", ["visibility", "name_key", "id"])


def _client_state() -> None:
    op.create_table(
        "client_state",
        sa.Column("user_id", UUID, nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("updated_at", TIMESTAMP, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "key", name=op.f("pk_client_state")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_client_state_user_id_users"), ondelete="CASCADE"
        ),
    )


def _defaults() -> None:
    """What comes with the host: prompts and presets for everybody. Deleted ones stay deleted."""
    file = Path(__file__).parent.parent / "data" / "0003_defaults.toml"
    found = tomllib.loads(file.read_text("utf-8"))
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    common = {"user_id": "system", "visibility": "public", "created_at": now, "updated_at": now}
    for table, more in (("system_prompts", {}), ("style_presets", {"type": "default"})):
        for row in found[table]:
            values = {**row, **common, **more, "name_key": row["name"].casefold()}
            op.execute(sa.table(table, *map(sa.column, values)).insert().values(**values))
