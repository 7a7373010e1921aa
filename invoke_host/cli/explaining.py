"""What `invoke-host access` tells: who asks, what was decided, and each policy's word in plain words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from invoke_host.access import AccessEngine, Explanation, Truth, Verdict, allowed
from invoke_host.api import ANONYMOUS, SYSTEM_USER_ID, Actor, InvokeHostError, NotFound, UserId
from invoke_host.cli.errors import CliError, ExitCode
from invoke_host.identity.groups import store as groups
from invoke_host.identity.none import SYSTEM_ACTOR

if TYPE_CHECKING:
    from invoke_host.cli.accounts import Accounts
    from invoke_host.identity.users.model import User
    from invoke_host.plugins import Offers
    from invoke_host.storage import Storage

Row = tuple[str, str, str, str, str]

#: What an answer of each kind is worth, by side.
_WORDS: dict[tuple[str, Truth], tuple[str, str]] = {
    ("allow", "yes"): ("allow", "allows it"),
    ("allow", "no"): ("-", "its condition is not met"),
    ("allow", "unknown"): ("-", "its condition is unknown, which counts as no"),
    ("deny", "yes"): ("deny", "denies it"),
    ("deny", "no"): ("-", "its condition is not met"),
    ("deny", "unknown"): ("deny", "its condition is unknown, which denies"),
    ("restrict", "yes"): ("-", "its condition is met"),
    ("restrict", "no"): ("restrict", "its condition is not met"),
    ("restrict", "unknown"): ("restrict", "its condition is unknown, which counts as not met"),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What was asked, and all that was said."""

    actor: Actor
    action: str
    resource: str
    resource_id: str
    explanations: Sequence[Explanation]

    @property
    def permitted(self) -> bool:
        """The decision."""
        return allowed(self.explanations)

    @property
    def visible(self) -> bool:
        """Whether the actor may see the thing: if not, they are told that there is none."""
        first = self.explanations[0].action if self.explanations else ""
        return allowed(each for each in self.explanations if each.action == first)

    @property
    def status(self) -> str:
        """`permitted`, `forbidden` (403) or `not_visible` (404)."""
        return "permitted" if self.permitted else "forbidden" if self.visible else "not_visible"


def engine_of(offers: Offers) -> AccessEngine:
    """The same questions and policies that the host has. Raises StartupError."""
    return AccessEngine(offers.actions(), offers.resource_types(), offers.policies())


def caller(accounts: Accounts, text: str, scopes: Sequence[str] = ()) -> Actor:
    """Who `text` is as a caller: the anonymous one, the local user, or a user, active or not.

    Raises:
        CliError: there is no such user, or nobody can call as `system` because the host has logins.
    """
    from invoke_host.cli.users.finding import person

    if text.strip().lower() == "anonymous":
        return ANONYMOUS
    user = accounts.run(accounts.users.get(text.strip())) if _is_id(accounts, text.strip()) else person(accounts, text)
    if user.id == SYSTEM_USER_ID:
        if not accounts.services.single_user:
            raise CliError("nobody calls as `system` in multi-user mode; it only owns things", ExitCode.NOT_FOUND)
        return SYSTEM_ACTOR
    return _actor(user, accounts.run(accounts.services.storage.read(groups.of_user, user.id)), scopes)


async def answer(storage: Storage, engine: AccessEngine, actor: Actor, action: str, resource_id: str) -> Answer:
    """Everything about one question. Raises CliError for an action or a thing that there is not."""
    try:
        resource = engine.resource(engine.action(action).resource)
    except InvokeHostError as error:
        raise CliError(str(error), ExitCode.USAGE) from error
    actor = await engine.prepare(actor)
    try:
        why = await storage.read(engine.explain, actor, action, resource_id)
    except NotFound as error:
        raise CliError(
            f"{error}{await _elsewhere(storage, engine, actor, resource.name, resource_id)}", ExitCode.NOT_FOUND
        ) from error
    return Answer(actor, action, resource.name, resource_id, why)


def sentence(found: Answer) -> str:
    """The decision for people."""
    who = found.actor.display_name or found.actor.kind
    what = f"{found.action} on {found.resource.replace('_', ' ')} {found.resource_id}"
    if found.permitted:
        return f"allowed: {who} may do {what}"
    if found.visible:
        return f"refused (403): {who} sees the {found.resource.replace('_', ' ')}, but may not do {what}"
    return f"refused (404): {who} may not see the {found.resource.replace('_', ' ')}, so not do {what}"


def as_rows(engine: AccessEngine, explanations: Iterable[Explanation], above: str = "") -> Iterator[Row]:
    """A line for each policy's word on each action; those about what the thing lies on come after its own line."""
    for each in explanations:
        says, why = _told(engine, each)
        yield f"{above}{each.action}", f"{each.resource} {each.resource_id}", each.policy, says, why
        yield from as_rows(engine, each.because, above + "> ")


def as_document(engine: AccessEngine, found: Answer) -> dict[str, Any]:
    """The same for programs."""
    actor = found.actor
    return {
        "user": {
            "id": actor.id,
            "kind": actor.kind,
            "name": actor.display_name,
            "is_admin": actor.is_admin,
            "is_suspended": actor.is_suspended,
            "groups": sorted(actor.groups),
            "token_scopes": None if actor.token_scopes is None else sorted(actor.token_scopes),
        },
        "action": found.action,
        "resource": {"type": found.resource, "id": found.resource_id},
        "allowed": found.permitted,
        "answer": found.status,
        "explanations": [_document(engine, each) for each in found.explanations],
    }


def matrix(engine: AccessEngine) -> list[dict[str, Any]]:
    """All actions as data, in the order of their declaration."""
    return [
        {
            "action": action.name,
            "resource": action.resource,
            "see": action.see,
            "role": action.role,
            "through": action.through,
            "description": action.description,
        }
        for action in engine.actions.values()
    ]


def _document(engine: AccessEngine, each: Explanation) -> dict[str, Any]:
    says, why = _told(engine, each)
    return {
        "action": each.action,
        "resource": each.resource,
        "resource_id": each.resource_id,
        "policy": each.policy,
        "allow": each.verdict.allow,
        "deny": each.verdict.deny,
        "restrict": each.verdict.restrict,
        "says": says,
        "why": why,
        "through": each.through,
        "because": [_document(engine, inner) for inner in each.because],
    }


def _told(engine: AccessEngine, each: Explanation) -> tuple[str, str]:
    """What a policy says in a word, and why in some more."""
    if each.through is not None:
        if each.verdict.allow == "yes":
            return "allow", f"{each.through} is allowed on the {each.policy} that it is on"
        return (
            "-",
            f"{each.through} is not allowed on its {each.policy}" if each.because else f"it is on no {each.policy}",
        )
    sides = _sides(each.verdict)
    if not sides:
        return "-", "has no opinion"
    says = [_WORDS[side][0] for side in sides]
    stops = [word for word in says if word in ("deny", "restrict")]
    about = _rule(engine, each.policy)
    return (stops or [word for word in says if word != "-"] or ["-"])[0], "; ".join(
        _WORDS[side][1] for side in sides
    ) + (f": {about}" if about else "")


def _sides(verdict: Verdict) -> list[tuple[str, Truth]]:
    said: list[tuple[str, Truth]] = [
        ("allow", verdict.allow),
        ("deny", verdict.deny),
        ("restrict", verdict.restrict),
    ]
    return [side for side in said if side[1] != "silent"]


def _rule(engine: AccessEngine, name: str) -> str:
    """The first sentence that its author wrote of the policy."""
    policy = next((each for each in engine.policies if each.name == name), None)
    lines = (type(policy).__doc__ or "").strip().splitlines() if policy is not None else []
    return lines[0].partition(". ")[0].rstrip(".") if lines else ""


def _is_id(accounts: Accounts, text: str) -> bool:
    try:
        accounts.run(accounts.users.get(text))
    except NotFound:
        return False
    return True


def _actor(user: User, member_of: frozenset[str], scopes: Sequence[str]) -> Actor:
    """The user as a request of theirs has them, and with a word on it if they can make none."""
    token = frozenset(scopes) or None
    return Actor(
        UserId(user.id),
        "user",
        user.email,
        is_admin=user.is_admin and (token is None or "admin" in token),
        is_suspended=not user.is_active,
        groups=member_of,
        token_scopes=token,
    )


async def _elsewhere(storage: Storage, engine: AccessEngine, actor: Actor, kind: str, resource_id: str) -> str:
    """A hint where the row is another kind of thing, as an image in the trash is."""
    asked = engine.resource(kind)
    for action in engine.actions.values():
        other = engine.resource(action.resource)
        if not action.see or other.name == kind or other.table is not asked.table:
            continue
        try:
            await storage.read(engine.explain, actor, action.name, resource_id)
        except NotFound:
            continue
        return f", but a {other.name.replace('_', ' ')} of that id; ask for {action.name} or another action on it"
    return ""
