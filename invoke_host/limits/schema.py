"""What goes in and out of the routes of limits and usage."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema
from pydantic_core import InitErrorDetails, PydanticCustomError

from invoke_host.limits.effective import Source
from invoke_host.limits.names import LIMITS, Scope, shown
from invoke_host.limits.reports import UserLine, UserReport
from invoke_host.limits.store import AllRules, Rules
from invoke_host.limits.usage import Used
from invoke_host.limits.values import Change, problems_of


def _judged(scope: Scope) -> AfterValidator:
    """Refuses unknown names and wrong values, all at once, each at its own place in the body."""

    def judge(values: dict[str, Any]) -> dict[str, Any]:
        found = [
            InitErrorDetails(type=PydanticCustomError("limit", "{text}", {"text": text}), loc=(name,), input=None)
            for name, text in problems_of(values, scope)
        ]
        if found:
            raise ValidationError.from_exception_data("limits", found)
        return values

    return AfterValidator(judge)


def _json_schema(scope: Scope) -> WithJsonSchema:
    names = [limit for limit in LIMITS.values() if scope == "each" or limit.kind != "weight"]
    kinds = {limit.name: ["integer" if limit.whole else "number", "null"] for limit in names}
    kinds["weight"] = ["number"]
    values = {limit.name: {"type": kinds[limit.name], "description": limit.text} for limit in names}
    return WithJsonSchema({"type": "object", "properties": values, "additionalProperties": False})


Each = Annotated[dict[str, Any], _judged("each"), _json_schema("each")]
Together = Annotated[dict[str, Any], _judged("together"), _json_schema("together")]

_FORBID = ConfigDict(extra="forbid")


class LimitsPatch(BaseModel):
    """Limits to set; null = explicitly none, what is left out stays."""

    model_config = _FORBID

    each: Each = Field(default_factory=dict)

    @property
    def change(self) -> Change:
        """For the service."""
        return Change(self.each, {})


class GroupLimitsPatch(LimitsPatch):
    """Limits of a group: of each member alone, and of all of them together."""

    together: Together = Field(default_factory=dict)

    @property
    def change(self) -> Change:
        """For the service."""
        return Change(self.each, self.together)


class ScopeQuery(BaseModel):
    """Query of the removal."""

    scope: Literal["each", "together"] = Field("each", description="Of each member alone, or of a group together.")


class LimitsDTO(BaseModel):
    """What is set, by name; null = explicitly none."""

    each: dict[str, float | None]


class GroupLimitsDTO(LimitsDTO):
    """Limits of a group."""

    group_id: str
    name: str
    together: dict[str, float | None]


class UserLimitsDTO(LimitsDTO):
    """Limits of a user."""

    user_id: str
    email: str


class LimitNameDTO(BaseModel):
    """A limit that there is. Quotas have a window and a unit."""

    name: str
    kind: Literal["weight", "cap", "quota"]
    description: str
    window: Literal["minute", "day", "month"] | None
    unit: Literal["images", "engine_s"] | None


class AllLimitsDTO(BaseModel):
    """Everything that is set: groups by name, users by e-mail address; only those for whom something is."""

    everyone: LimitsDTO
    groups: list[GroupLimitsDTO]
    users: list[UserLimitsDTO]
    names: list[LimitNameDTO]


class UsedDTO(BaseModel):
    """What was used. `engine_s` is device time in seconds."""

    images: int
    engine_s: float


class DayDTO(UsedDTO):
    """What was used on a day (UTC)."""

    date: str


class SourceDTO(BaseModel):
    """Where a limit comes from; `id` and `name` are a group's."""

    kind: Literal["user", "group", "everyone", "default"]
    id: str | None
    name: str | None


class UseDTO(BaseModel):
    """A limit and what is used of it. `resets_at` (UTC) is null for caps: places become free as images are made."""

    name: str
    scope: Literal["each", "together"]
    value: float
    used: float
    remaining: float
    resets_at: str | None
    source: SourceDTO


class UsageDTO(BaseModel):
    """What a user has used and may use. `days` are the last 30, the oldest first, today last."""

    user_id: str
    weight: float
    weight_source: SourceDTO
    pending: int
    in_progress: int
    limits: list[UseDTO]
    minute: UsedDTO
    day: UsedDTO
    month: UsedDTO
    days: list[DayDTO]


class UserUsageDTO(BaseModel):
    """One user in the table of all."""

    user_id: str
    email: str
    display_name: str | None
    pending: int
    in_progress: int
    day: UsedDTO
    month: UsedDTO


class UsagePage(BaseModel):
    """Users in the order of their e-mail addresses. `next_cursor` is null at the end."""

    items: list[UserUsageDTO]
    next_cursor: str | None


class UsageQuery(BaseModel):
    """Query of the table."""

    search: str = Field("", max_length=255, description="Part of the e-mail address or display name, in any case.")
    limit: int = Field(100, ge=1, le=1000)
    cursor: str = Field("", max_length=1024, description="`next_cursor` of the page before.")


def rules_dto(rules: Rules) -> dict[str, Any]:
    """What is set for one, as a JSON-ready object."""
    if rules.subject.kind == "everyone":
        return {"each": _values(rules.each)}
    if rules.subject.kind == "group":
        together = _values(rules.together)
        return {"group_id": rules.subject.id, "name": rules.name, "each": _values(rules.each), "together": together}
    return {"user_id": rules.subject.id, "email": rules.name, "each": _values(rules.each)}


def all_dto(found: AllRules) -> dict[str, Any]:
    """What is set for anybody, as a JSON-ready object."""
    return {
        "everyone": rules_dto(found.everyone),
        "groups": [rules_dto(each) for each in found.groups],
        "users": [rules_dto(each) for each in found.users],
        "names": [
            {"name": each.name, "kind": each.kind, "description": each.text, "window": each.window, "unit": each.unit}
            for each in LIMITS.values()
        ],
    }


def usage_dto(report: UserReport) -> dict[str, Any]:
    """A user's report as a JSON-ready object."""
    return {
        "user_id": report.user_id,
        "weight": shown(report.weight),
        "weight_source": _source(report.weight_source),
        "pending": report.standing.pending,
        "in_progress": report.standing.running,
        "limits": [
            {
                "name": each.name,
                "scope": each.scope,
                "value": shown(each.value),
                "used": shown(each.used),
                "remaining": shown(each.remaining),
                "resets_at": each.resets_at,
                "source": _source(each.source),
            }
            for each in report.limits
        ],
        **{window: _used(report.windows[window]) for window in report.windows},
        "days": [{"date": date, **_used(used)} for date, used in report.days],
    }


def line_dto(line: UserLine) -> dict[str, Any]:
    """A user of the table as a JSON-ready object."""
    return {
        "user_id": line.user_id,
        "email": line.email,
        "display_name": line.display_name,
        "pending": line.standing.pending,
        "in_progress": line.standing.running,
        "day": _used(line.day),
        "month": _used(line.month),
    }


def _values(values: dict[str, float | None]) -> dict[str, float | None]:
    return {name: shown(value) for name, value in values.items()}


def _used(used: Used) -> dict[str, float]:
    return {"images": used.images, "engine_s": used.engine_us / 1e6}


def _source(source: Source) -> dict[str, str | None]:
    return {"kind": source.kind, "id": source.id, "name": source.name}
