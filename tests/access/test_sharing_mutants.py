"""The property test of sharing finds mistakes: each of these engines is wrong in one way, and is caught."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import exists, or_, true

from invoke_host.access import AccessEngine
from invoke_host.access.asking import Asking, Said
from invoke_host.access.policies import (
    AdminPolicy,
    GrantsPolicy,
    OwnerPolicy,
    SuspendedPolicy,
    TokensPolicy,
    VisibilityPolicy,
)
from invoke_host.api import ROLES, Actor, Forbidden, Grant, NotFound, Policy, ResourceType
from invoke_host.boards import access as board_access
from invoke_host.images import access as image_access
from invoke_host.storage import Storage
from invoke_host.vocabulary import ACTIONS, RESOURCES

from . import sharing_world
from .sharing_listings import agree_on_listings
from .sharing_model import PLUGINS, Asked, World
from .test_sharing_property import SHARED, agree_on_rights, in_a_world


def instead(of: type[Policy], other: type[Policy] | None) -> AccessEngine:
    """The host's engine with another policy in the place of one, or with none there."""
    policies: list[Policy] = []
    for policy in sharing_world.standard():
        if type(policy) is not of:
            policies.append(policy)
        elif other is not None:
            policies.append(other())
    return sharing_world.engine(policies)


def with_action(name: str, **changes: object) -> AccessEngine:
    """The host's engine with an action that says something else."""
    actions = [replace(each, **changes) if each.name == name else each for each in ACTIONS]
    return sharing_world.engine(actions=actions)


def with_resource(name: str, **changes: object) -> AccessEngine:
    """The host's engine with a resource that says something else."""
    return sharing_world.engine(
        resources=[replace(each, **changes) if each.name == name else each for each in RESOURCES]
    )


class SharedIsPublic(VisibilityPolicy):
    def grant(self, actor, action, resource, facts):
        wider = replace(action, role="viewer") if action.role == "contributor" else action
        return super().grant(actor, wider, resource, facts)


class PublicMayEdit(VisibilityPolicy):
    def grant(self, actor, action, resource, facts):
        wider = replace(action, role="contributor") if action.role == "editor" else action
        return super().grant(actor, wider, resource, facts)


class ShownToStrangers(VisibilityPolicy):
    def grant(self, actor, action, resource, facts):
        known = replace(actor, id="anybody") if actor.is_anonymous else actor
        return super().grant(known, action, resource, facts)


class NoGroups(GrantsPolicy):
    def grant(self, actor, action, resource, facts):
        return super().grant(replace(actor, groups=frozenset()), action, resource, facts)


class AnyRoleDoes(GrantsPolicy):
    def grant(self, actor, action, resource, facts):
        return super().grant(actor, action if action.role is None else replace(action, role="viewer"), resource, facts)


class EditorsShare(GrantsPolicy):
    def grant(self, actor, action, resource, facts):
        return super().grant(actor, action if action.role else replace(action, role="editor"), resource, facts)


class StrongestRoleOnly(GrantsPolicy):
    def grant(self, actor, action, resource, facts):
        return super().grant(actor, replace(action, role=ROLES[-1]) if action.role else action, resource, facts)


class AnyGrantOfAnyBoard(GrantsPolicy):
    """Forgets to say which board the grant is on."""

    def grant(self, actor, action, resource, facts):
        grants = resource.grants
        if grants is None or actor.id is None or action.role is None:
            return None
        return Grant(allow=exists().where(or_(grants.user == actor.id, grants.group.in_(actor.groups))))


class EverybodyOwns(OwnerPolicy):
    def grant(self, actor, action, resource, facts):
        return Grant(allow=true()) if action.name == "image.place" else super().grant(actor, action, resource, facts)


class AdminsWithoutScope(AdminPolicy):
    def grant(self, actor, action, resource, facts):
        return super().grant(replace(actor, is_admin=actor.id == "root"), action, resource, facts)


class ParentWithoutDeny(Asking):
    """What lies on a board asks only who the board allows in, not whom it denies."""

    def said(self, actor, action, resource) -> list[Said]:
        answers = super().said(actor, action, resource)
        if resource.parent is None or action.through is None:
            return answers
        through = self._vocabulary.action(action.through)
        allows = [each.grant.allow for each in super().said(actor, through, resource.parent)]
        above = or_(*(allow for allow in allows if allow is not None))
        lies_on = exists().where(resource.parent.id == resource.columns["parent"], above).correlate(resource.table)
        return [*answers[:-1], replace(answers[-1], grant=Grant(allow=lies_on))]


class ParentWithoutRestrict(Asking):
    """What lies on a board asks for seeing it whatever is to be done."""

    def said(self, actor, action, resource) -> list[Said]:
        changed = action if action.through is None else replace(action, through=board_access.VIEW.name)
        return super().said(actor, changed, resource)


def with_asking(kind: type[Asking]) -> AccessEngine:
    engine = sharing_world.engine()
    engine._asking = engine._explainer._asking = kind(engine._vocabulary, engine.policies)
    return engine


class TellsWhatIsHidden(AccessEngine):
    """Says "forbidden" of what cannot be seen."""

    def authorize(self, conn, actor, action_name, resource_id):
        try:
            super().authorize(conn, actor, action_name, resource_id)
        except NotFound as error:
            raise Forbidden(str(error)) from error


class NothingIsForbidden(AccessEngine):
    """The single check is content with seeing."""

    def authorize(self, conn, actor, action_name, resource_id):
        super().authorize(conn, actor, {"image.star": "image.view"}.get(action_name, action_name), resource_id)


class ButtonsForAll(AccessEngine):
    """Shows administrators' buttons to everybody."""

    def permissions(self, conn, actor, ids, action_names):
        return super().permissions(conn, replace(actor, is_admin=actor.id is not None), ids, action_names)


MUTANTS: Mapping[str, Callable[[], AccessEngine]] = {
    "shared boards take images of everybody": lambda: instead(VisibilityPolicy, SharedIsPublic),
    "public boards are edited by everybody": lambda: instead(VisibilityPolicy, PublicMayEdit),
    "strangers see what is shown to everybody": lambda: instead(VisibilityPolicy, ShownToStrangers),
    "nothing is shown to everybody": lambda: instead(VisibilityPolicy, None),
    "grants ignore groups": lambda: instead(GrantsPolicy, NoGroups),
    "any role suffices": lambda: instead(GrantsPolicy, AnyRoleDoes),
    "editors share and delete boards": lambda: instead(GrantsPolicy, EditorsShare),
    "only editors get anything": lambda: instead(GrantsPolicy, StrongestRoleOnly),
    "a grant on one board is one on all": lambda: instead(GrantsPolicy, AnyGrantOfAnyBoard),
    "an image can be placed by everybody": lambda: instead(OwnerPolicy, EverybodyOwns),
    "a token without the scope is an administrator's": lambda: instead(AdminPolicy, AdminsWithoutScope),
    "tokens that only read change things": lambda: instead(TokensPolicy, None),
    "suspended accounts go on": lambda: instead(SuspendedPolicy, None),
    "a closed board is open for its images": lambda: with_asking(ParentWithoutDeny),
    "who sees a board changes what is on it": lambda: with_asking(ParentWithoutRestrict),
    "a board gives the right to move its images": lambda: with_action("image.place", through="board.curate"),
    "contributors delete images": lambda: with_action("image.delete", through="board.add"),
    "the trash of a board is seen by all who see it": lambda: with_action("trashed_image.view", through="board.view"),
    "editors purge": lambda: with_action("trashed_image.purge", through="board.curate"),
    "boards show nothing of what is on them": lambda: with_action("image.view", through=None),
    "the trash is part of the gallery": lambda: with_resource("image", where=None),
    "live images are in the trash": lambda: with_resource(
        "trashed_image", where=or_(image_access.TRASHED.where, image_access.RESOURCE.where)
    ),
    "what is hidden is told apart": lambda: TellsWhatIsHidden(ACTIONS, RESOURCES, sharing_world.standard()),
    "the single check permits what the others don't": lambda: NothingIsForbidden(
        ACTIONS, RESOURCES, sharing_world.standard()
    ),
    "buttons show more than there is": lambda: ButtonsForAll(ACTIONS, RESOURCES, sharing_world.standard()),
}


#: Looks for an example, always the same ones, and is content with the first.
SEARCH = settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=SHARED,
)


#: In a small world there is little to find.
FULL = sharing_world.worlds([frozenset(PLUGINS)], board_counts=(4, 4), image_counts=(8, 8))


@pytest.fixture
def peopled(storage: Storage) -> Storage:
    storage.run_write(sharing_world.write_people)
    return storage


@pytest.mark.parametrize("mutant", MUTANTS)
def test_the_property_finds_that(mutant: str, peopled: Storage) -> None:
    engine = MUTANTS[mutant]()

    @SEARCH
    @given(world=FULL, actor=sharing_world.actors)
    def holds(world: World, actor: Actor) -> None:
        in_a_world(peopled, world, lambda conn: agree_on_rights(conn, engine, world, actor, why=False))

    with pytest.raises(AssertionError):
        holds()


class Forgetful(AccessEngine):
    """Lists without asking who may, in one of the places where that is to be asked."""

    forgets: tuple[str, ResourceType]

    def predicate(self, actor, action_name, resource=None):
        whole = resource or self.resource(self.action(action_name).resource)
        forgotten = self.forgets[1]
        if (action_name, whole.table, whole.within) == (self.forgets[0], forgotten.table, forgotten.within):
            return true() if whole.where is None else whole.where
        return super().predicate(actor, action_name, resource)


FORGETFUL: Mapping[str, tuple[str, ResourceType]] = {
    "images": ("image.view", image_access.RESOURCE),
    "images on boards": ("image.view", image_access.ON_BOARD),
    "counters": ("image.view", image_access.COUNTED),
    "counters of boards": ("image.view", image_access.COUNTED_ON_BOARD),
    "boards": ("board.view", board_access.RESOURCE),
    "the boards that images are said to be on": ("board.view", board_access.ABOVE),
    "buttons of boards": ("board.curate", board_access.RESOURCE),
    "the trash": ("trashed_image.view", image_access.TRASHED),
}


@pytest.mark.parametrize("where", FORGETFUL)
def test_the_property_of_listings_finds_what_was_forgotten_about(where: str, peopled: Storage) -> None:
    engine = Forgetful(ACTIONS, RESOURCES, sharing_world.standard())
    engine.forgets = FORGETFUL[where]

    @SEARCH
    @given(
        world=FULL,
        actor=sharing_world.actors,
        asked=st.lists(sharing_world.asked, min_size=3, max_size=3),
    )
    def holds(world: World, actor: Actor, asked: list[Asked]) -> None:
        in_a_world(peopled, world, lambda conn: agree_on_listings(conn, engine, world, actor, asked, 2))

    with pytest.raises((AssertionError, pytest.fail.Exception)):
        holds()
