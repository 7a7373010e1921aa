"""A policy that keeps the contract and uses all that there is: facts, tables of its own, all three sides."""

from __future__ import annotations

from sqlalchemy import Column, MetaData, String, Table, cast, exists, insert, or_

from invoke_host.api import Grant, Policy
from invoke_host.testing.contracts import PolicyContract
from invoke_host.testing.contracts.policy import Verdict

metadata = MetaData()
desks = Table("desks", metadata, Column("person", String(36), primary_key=True), Column("desk", String(36)))
sealed = Table(
    "sealed", metadata, Column("kind", String(36), primary_key=True), Column("thing", String(64), primary_key=True)
)

SITS_AT = {"alice": "north", "bob": "north", "carol": "south"}
SEALED = {("board", "board-2"), ("image", "image-7"), ("queue_item", "3")}


class HonestPolicy(Policy):
    """People at one desk see each other's things, nobody what is sealed; public boards only administrators change."""

    name = "desk"

    async def facts(self, actor):
        return {"desks": frozenset({SITS_AT[actor.id]} if actor.id in SITS_AT else ())}

    def grant(self, actor, action, resource, facts):
        return Grant(
            allow=self.allow(actor, action, resource, facts),
            deny=self.deny(resource),
            restrict=self.restrict(actor, action, resource),
        )

    def allow(self, actor, action, resource, facts):
        owner = resource.columns.get("owner")
        if owner is None or not action.see or not facts["desks"]:
            return None
        near = or_(*(desks.c.desk == desk for desk in sorted(facts["desks"])))
        return exists().where(desks.c.person == owner, near).correlate(resource.table)

    def deny(self, resource):
        return (
            exists()
            .where(sealed.c.kind == resource.name, sealed.c.thing == cast(resource.id, String))
            .correlate(resource.table)
        )

    def restrict(self, actor, action, resource):
        seen = resource.columns.get("visibility")
        if resource.name != "board" or seen is None or action.see or actor.is_admin:
            return None
        return seen != "public"


class Suite(PolicyContract):
    """All that a test class can declare."""

    kind: type[HonestPolicy] = HonestPolicy
    tables = metadata

    def prepare(self, conn):
        conn.execute(insert(desks), [{"person": person, "desk": desk} for person, desk in SITS_AT.items()])
        conn.execute(insert(sealed), [{"kind": kind, "thing": thing} for kind, thing in sorted(SEALED)])

    def expected(self, actor, action, row, facts):
        allow = restrict = "silent"
        if "owner" in row.columns and action.see and actor.id in SITS_AT:
            allow = "yes" if SITS_AT.get(row["owner"]) == SITS_AT[actor.id] else "no"
        if row.resource == "board" and not action.see and not actor.is_admin:
            restrict = {"public": "no", None: "unknown"}.get(row["visibility"], "yes")
        return Verdict(allow, "yes" if (row.resource, str(row.id)) in SEALED else "no", restrict)
