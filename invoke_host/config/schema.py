"""The configuration as a tree of typed, frozen sections: names, defaults, limits, and the sentence that documents each.

Sections are strict: a number in quotes is text. Reading files, the environment and flags is the loader's business.
"""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict, WrapValidator
from pydantic_core import PydanticCustomError

T = TypeVar("T")


def _unique(values: tuple[T, ...]) -> tuple[T, ...]:
    for value in values:
        if values.count(value) > 1:
            raise PydanticCustomError("repeated", 'names "{value}" twice', {"value": value})
    return values


def _devices(value: Any, handler: Any) -> Any:
    if isinstance(value, str):
        if value == "auto":
            return value
        raise PydanticCustomError("devices", 'expected "auto" or a list of device names such as ["cuda:0", "cpu"]')
    return handler(value)


def _network(value: str) -> str:
    try:
        ip_network(value)
    except ValueError as error:
        raise PydanticCustomError("network", "expected an address or network such as 10.0.0.0/8") from error
    return value


def _http_url(value: str | None) -> str | None:
    if value is not None:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise PydanticCustomError("url", "expected a URL such as https://pictures.example.org")
        return value.rstrip("/")
    return None


#: TOML lists; order matters and no name stands twice.
Names = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Strict(False), AfterValidator(_unique)]

#: Addresses or networks, `10.0.0.0/8`; single addresses are networks of one.
Networks = Annotated[tuple[Annotated[str, AfterValidator(_network)], ...], Strict(False), AfterValidator(_unique)]

#: A file or folder; relative ones are meant from the root folder (`LoadedConfig.path` resolves them).
RootPath = Annotated[Path, Strict(False)]

if TYPE_CHECKING:
    Devices = Literal["auto"] | tuple[str, ...]
else:  # without the union, so that an error in the list is told as one of the list
    Devices = Annotated[Names, WrapValidator(_devices)]


class Section(BaseModel):
    """Base of all sections: unknown keys are errors, values have exactly their type, nothing changes later."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


class ServerConfig(Section):
    """Where the host listens."""

    host: str = Field(default="127.0.0.1", min_length=1, max_length=255)
    """Address to listen on. Without login (`none`) only this machine's own addresses are accepted."""
    port: int = Field(default=9090, ge=0, le=65535)
    """TCP port to listen on; 0 takes any free one."""
    public_url: Annotated[str | None, AfterValidator(_http_url)] = None
    """What users type into the browser, where that differs from host and port (behind a proxy, say)."""
    trusted_proxies: Networks = ()
    """Addresses or networks of reverse proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed."""


class NoneAuthConfig(Section):
    """Options of the provider `none`."""

    allow_remote: bool = False
    """Let other machines in although nobody logs in: everybody who reaches the port is administrator."""


class SessionsConfig(Section):
    """How long a login lasts."""

    lifetime_s: int = Field(default=86_400, ge=60, le=31_536_000)
    """Seconds that a login lasts from its last renewal; each successful change renews it."""
    remembered_lifetime_s: int = Field(default=604_800, ge=60, le=31_536_000)
    """The same for logins with `remember_me`."""
    idle_s: int = Field(default=43_200, ge=60, le=31_536_000)
    """Seconds without any request after which a login ends; logins with `remember_me` may idle for their lifetime."""
    longest_s: int = Field(default=2_592_000, ge=60, le=31_536_000)
    """Seconds after which everybody logs in anew, however often the login was renewed."""


class ThrottleConfig(Section):
    """How guessing passwords is slowed down. Nobody is ever locked out for good."""

    free_failures: int = Field(default=5, ge=1, le=1_000_000)
    """Failed logins of one account that cost nothing; each one more doubles the wait, from one second up."""
    longest_wait_s: int = Field(default=900, ge=1, le=86_400)
    """Longest wait before an account may be tried again."""
    failures_per_address: int = Field(default=100, ge=1, le=1_000_000)
    """Failed logins that one address may have at once, those under way included; as many are forgiven per minute."""


class AuthConfig(Section):
    """How callers are recognised."""

    providers: Names = ("none",)
    """Who is asked about a caller, in this order. `["none"]` is single-user mode and stands alone."""
    on_unavailable: Literal["stop", "next"] = "stop"
    """When a provider can't answer: refuse the login (`stop`), or ask the next one (`next`)."""
    login_timeout_s: int = Field(default=30, ge=1, le=600)
    """Seconds that all providers together have for one login with a password."""
    auto_create: bool = True
    """Make an account at the first login of somebody whom an outside provider (a directory, a proxy) knows."""
    recheck_minutes: int = Field(default=15, ge=1, le=10_080)
    """How often providers that keep their accounts elsewhere are asked whether who is here still may be."""
    grace_minutes: int = Field(default=60, ge=0, le=525_600)
    """How much longer sessions live while such a provider can't be asked."""
    sessions: SessionsConfig = SessionsConfig()
    throttle: ThrottleConfig = ThrottleConfig()
    none: NoneAuthConfig = NoneAuthConfig()


class AccessConfig(Section):
    """Who may do what."""

    policies: Names = ("admin", "owner", "visibility", "grants", "tokens", "suspended")
    """Rules that are asked about every resource, built-in ones and plugins'. Order does not change the result."""


class StorageConfig(Section):
    """Where data lives."""

    backend: str = Field(default="sqlite", min_length=1)
    """Plugin that supplies the database."""
    blobs: str = Field(default="filesystem", min_length=1)
    """Store for picture files."""
    auto_migrate: bool = True
    """Upgrade the database schema at start, after a backup. With `false` the host refuses to start on an old schema."""
    path: RootPath | None = None
    """Database file of a file-based backend; by default `invoke-host.db` in the root folder."""


class PluginsConfig(Section):
    """Plugins that are neither database, login nor policy, and the options of all plugins in `[plugins.NAME]`."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, dict[str, Any]] = Field(init=False)

    load: Names = ("model_emoji",)
    """Plugins to load besides those that other settings name; hooks are called in this order."""

    @property
    def options(self) -> dict[str, dict[str, Any]]:
        """The tables `[plugins.NAME]` as they were given, not yet validated against the plugins' own schemas."""
        return dict(self.__pydantic_extra__ or {})


class GenerationConfig(Section):
    """How pictures are made."""

    executor: str = Field(default="local", min_length=1)
    """What runs jobs; `local` starts one worker process per device on this machine."""
    devices: Devices = "auto"
    """Devices to use, such as `["cuda:0", "cuda:1"]`; `"auto"` takes all GPUs, or the CPU where there is none."""
    threads: int = Field(default=0, ge=0, le=1024)
    """CPU threads per worker; 0 leaves the choice to the worker."""
    default_model: str | None = Field(default=None, min_length=1)
    """Key or name of the model for requests that name none; by default the one that a plugin marks as default."""
    models_dir: RootPath | None = None
    """Folder with models in the diffusers layout; by default `models` in the root folder."""
    previews: bool = True
    """Show pictures in the making to those who asked for them."""


class QueueConfig(Section):
    """How waiting work is kept, and in which order it is done."""

    order: Literal["fair", "fifo"] = "fair"
    """`fair`: users get equal shares of the devices' time; `fifo`: by priority, then first come, over all users."""
    max_size: int = Field(default=10_000, ge=1, le=10_000_000)
    """Items that may wait at once, of all users and queue ids; a hundredth of it is each user's, however full it is."""
    max_worker_deaths: int = Field(default=2, ge=1, le=100)
    """An item during which so many worker processes died is quarantined: it fails with the reason."""
    lease_s: int = Field(default=30, ge=5, le=3600)
    """Seconds without a sign of life after which a running item is given to another worker."""
    drain_s: int = Field(default=30, ge=0, le=3600)
    """Seconds that running items get to finish when the host is told to stop; the rest is queued again."""
    keep_days: int = Field(default=0, ge=0, le=36_500)
    """Days after which finished items are forgotten (pictures stay); 0 keeps them for ever."""
    keep_items: int = Field(default=0, ge=0, le=1_000_000_000)
    """Finished items that are kept, the newest; 0 keeps all."""


class ImagesConfig(Section):
    """Pictures that people send and delete."""

    trash_days: int = Field(default=30, ge=0, le=3650)
    """Days that deleted images stay in the trash, from which they can be restored; 0 deletes at once."""
    max_upload_mb: int = Field(default=50, ge=1, le=1024)
    """Largest file that can be uploaded, in MiB."""
    max_upload_megapixels: int = Field(default=64, ge=1, le=1000)
    """Largest picture that can be uploaded, in millions of pixels; looked at before it is decoded."""
    download_minutes: int = Field(default=60, ge=1, le=10080)
    """Minutes that an archive waits to be fetched."""


class StoredConfig(Section):
    """What user interfaces may keep for a user: workflows, presets, prompts, client state."""

    max_workflow_kb: int = Field(default=4096, ge=16, le=65536)
    """Largest workflow, in KiB of JSON."""
    max_client_state_kb: int = Field(default=8192, ge=64, le=1048576)
    """What all values of one user's client state may take together, in KiB."""


class EventsConfig(Section):
    """The event stream to browsers and programs."""

    keep: int = Field(default=100_000, ge=100, le=100_000_000)
    """Events kept for clients that come back; a client that missed more is told to load everything anew."""


class LoggingConfig(Section):
    """What the host writes to standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least serious message that is written."""
    format: Literal["auto", "json", "console"] = "auto"
    """One JSON object per line, or text for people; `auto` means text on a terminal and JSON elsewhere."""


class HostConfig(Section):
    """Everything that can be configured."""

    multiuser: bool | None = None
    """`true` without `[auth] providers` is short for `providers = ["local"]`; `false` insists on single-user mode."""
    server: ServerConfig = ServerConfig()
    auth: AuthConfig = AuthConfig()
    access: AccessConfig = AccessConfig()
    storage: StorageConfig = StorageConfig()
    plugins: PluginsConfig = PluginsConfig()
    generation: GenerationConfig = GenerationConfig()
    queue: QueueConfig = QueueConfig()
    images: ImagesConfig = ImagesConfig()
    stored: StoredConfig = StoredConfig()
    events: EventsConfig = EventsConfig()
    logging: LoggingConfig = LoggingConfig()

    @property
    def single_user(self) -> bool:
        """True when nobody logs in and every caller is the local administrator."""
        return self.auth.providers == ("none",)
