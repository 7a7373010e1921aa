"""What can be done with groups; each change is one transaction with its line in the audit log."""

from __future__ import annotations

from sqlalchemy import Connection, select

from invoke_host import ids
from invoke_host.api import SYSTEM_USER_ID, BadRequest, NotFound
from invoke_host.audit.record import Origin, Target, append
from invoke_host.clock import Clock, timestamp
from invoke_host.identity.groups import store
from invoke_host.identity.groups.store import Group, Member
from invoke_host.identity.tables import users
from invoke_host.storage import Storage


class GroupService:
    """Groups and their members. A change acts on the members' next request."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

    async def get(self, group_id: str) -> Group:
        """One group. Raises NotFound."""
        return await self._storage.read(store.by_id, group_id)

    async def page(self, *, search: str, after: str, limit: int) -> tuple[list[Group], int]:
        """Groups in the order of their names, those behind the key `after`; and how many match in all."""
        return await self._storage.read(store.page, search=search, after=after, limit=limit)

    async def of_user(self, user_id: str) -> list[Group]:
        """The groups that the user is in."""
        return await self._storage.read(store.groups_of, user_id)

    async def members(self, group_id: str, *, after: str, limit: int) -> list[Member]:
        """Members behind the address `after`. Raises NotFound when there is no such group."""

        def unit(conn: Connection) -> list[Member]:
            store.by_id(conn, group_id)
            return store.members(conn, group_id, after=after, limit=limit)

        return await self._storage.read(unit)

    async def create(self, name: str, description: str, origin: Origin) -> Group:
        """Make a group. Raises BadRequest when there is one of that name."""
        group_id, now = ids.new_id(), self._now()

        def unit(conn: Connection) -> Group:
            store.add(conn, group_id, name, description, now=now)
            append(conn, origin, "group.create", Target("group", group_id, name), now=now)
            return store.by_id(conn, group_id)

        return await self._storage.write(unit)

    async def change(self, group_id: str, name: str | None, description: str | None, origin: Origin) -> Group:
        """Change what is not None. Raises NotFound or BadRequest."""
        now = self._now()

        def unit(conn: Connection) -> Group:
            before = store.by_id(conn, group_id)
            store.change(conn, group_id, name, description, now=now)
            after = store.by_id(conn, group_id)
            details = {"name_before": before.name} if before.name != after.name else {}
            append(conn, origin, "group.change", Target("group", group_id, after.name), details=details, now=now)
            return after

        return await self._storage.write(unit)

    async def delete(self, group_id: str, origin: Origin) -> None:
        """Remove a group; its members stay. Raises NotFound."""
        now = self._now()

        def unit(conn: Connection) -> None:
            group = store.by_id(conn, group_id)
            store.remove(conn, group_id)
            details = {"members": group.member_count}
            append(conn, origin, "group.delete", Target("group", group_id, group.name), details=details, now=now)

        await self._storage.write(unit)

    async def add_member(self, group_id: str, user_id: str, origin: Origin) -> None:
        """Put a user into a group; nothing happens when they are in it. Raises NotFound, BadRequest for `system`."""
        await self._change_member(group_id, user_id, origin, join=True)

    async def remove_member(self, group_id: str, user_id: str, origin: Origin) -> None:
        """Take a user out of a group. Raises NotFound when the group or the membership does not exist."""
        await self._change_member(group_id, user_id, origin, join=False)

    async def _change_member(self, group_id: str, user_id: str, origin: Origin, *, join: bool) -> None:
        if user_id == SYSTEM_USER_ID:
            raise BadRequest("The system account can't be in a group.")
        now = self._now()

        def unit(conn: Connection) -> None:
            group = store.by_id(conn, group_id)
            email = conn.scalar(select(users.c.email).where(users.c.id == user_id))
            if email is None:
                raise NotFound(f"There is no user {user_id[:64]!r}.")
            if join:
                changed = store.add_member(conn, group_id, user_id, now=now)
            elif not (changed := store.remove_member(conn, group_id, user_id)):
                raise NotFound(f"{email} is not in the group {group.name!r}.")
            if changed:
                action = "group.member.add" if join else "group.member.remove"
                details = {"user_id": user_id, "email": email}
                append(conn, origin, action, Target("group", group_id, group.name), details=details, now=now)

        await self._storage.write(unit)

    def _now(self) -> str:
        return timestamp(self._clock.now())
