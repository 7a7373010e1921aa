"""Outside office hours only administrators change anything; looking is always allowed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, ValidationInfo, field_validator
from sqlalchemy import false

from invoke_host.api import (
    Action,
    Actor,
    Grant,
    HostView,
    PluginConfig,
    PluginManifest,
    Policy,
    ResourceType,
    hookimpl,
)

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

#: What does no harm at night.
ALWAYS = frozenset({"queue_item.cancel"})


def _is_known(zone: str) -> str:
    try:
        ZoneInfo(zone)
    except (OSError, ValueError) as error:  # ZoneInfoNotFoundError is a KeyError with no words of its own
        raise ValueError(f"{zone!r} is no name of a time zone") from error
    except KeyError as error:
        raise ValueError(f"there is no time zone {zone!r}; names are like Europe/Berlin") from error
    return zone


class OfficeHoursConfig(PluginConfig):
    """The table `[plugins.office_hours]`."""

    days: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri")
    opens: time = time(8)
    closes: time = time(18)
    time_zone: Annotated[str, AfterValidator(_is_known)] = "UTC"

    @field_validator("days")
    @classmethod
    def _sometimes(cls, days: tuple[Day, ...]) -> tuple[Day, ...]:
        if not days:
            raise ValueError("name a day; to open never, take a policy that says so")
        return days

    @field_validator("opens", "closes")
    @classmethod
    def _on_the_clock_of_the_zone(cls, value: time, info: ValidationInfo) -> time:
        if value.tzinfo is not None:
            raise ValueError("leave the zone out; time_zone says it")
        if info.field_name == "closes" and value == info.data.get("opens"):
            raise ValueError("opens and closes are the same time")
        return value

    def is_open(self, moment: datetime) -> bool:
        """Whether the office is open then."""
        there = moment.astimezone(ZoneInfo(self.time_zone))
        now, today = there.time(), DAYS[there.weekday()]
        if self.opens < self.closes:
            return today in self.days and self.opens <= now < self.closes
        yesterday = DAYS[(there - timedelta(days=1)).weekday()]
        return (today in self.days and now >= self.opens) or (yesterday in self.days and now < self.closes)


class OfficeHoursPolicy(Policy):
    """Stop all but administrators from changing anything outside office hours."""

    name = "office_hours"

    def __init__(self, options: OfficeHoursConfig, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._options = options
        self._now = now

    async def facts(self, actor: Actor) -> Mapping[str, Any]:
        """The clock is asked here, once for each request: `grant` must say the same whenever it is asked."""
        return {"open": self._options.is_open(self._now())}

    def grant(self, actor: Actor, action: Action, resource: ResourceType, facts: Mapping[str, Any]) -> Grant | None:
        """A restriction: it takes from everybody what others allow, and gives nobody anything."""
        if facts["open"] or action.see or actor.is_admin or action.name in ALWAYS:
            return None
        return Grant(restrict=false())


class OfficeHoursPlugin:
    """The plugin; its name in the TOML is `office_hours`."""

    manifest = PluginManifest(
        name="office_hours",
        api=">=1.0,<2",
        provides=frozenset({"policy"}),
        config=OfficeHoursConfig,
        description="Changes by administrators only, outside office hours",
    )

    @hookimpl
    def invoke_policies(self, host: HostView) -> Iterable[Policy]:
        """One policy, with the options of this host."""
        return [OfficeHoursPolicy(host.options(OfficeHoursConfig))]
