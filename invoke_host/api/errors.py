"""Every error the host raises on purpose.

```
InvokeHostError
├── StartupError             the host can't start; the operator reads one paragraph, exit code 2
│   ├── ConfigError          the TOML file, the environment or a flag is wrong; carries every problem at once
│   ├── PluginError          a plugin can't be loaded or breaks the contract; names the plugin
│   └── SchemaError          the database's schema and this program don't fit
├── HookFailed               a plugin raised, or ran out of time, in a hook; names plugin and hook
├── StorageError             the storage backend's classification of a driver error
│   ├── StorageConflict      a unique or foreign-key rule refused the write; do not retry unchanged
│   ├── StorageUnavailable   the database can't be reached or is locked; retry later
│   └── StorageReadOnly      the database or its disk refuses writes
├── RequestError             a client's request can't be served; has a status code, never a traceback
│   ├── BadRequest 400 · NotAuthenticated 401 · Forbidden 403 · NotFound 404 · Conflict 409 · Gone 410
│   ├── PayloadTooLarge 413 · UnsupportedMedia 415 · InvalidInput 422 (all problems, with field paths)
│   └── TooManyRequests 429 · ServiceUnavailable 503
└── ExecutionError           a generation failed; the message is what the user reads on the item
    ├── OutOfMemory · ModelUnusable · WorkerDied · Canceled
```
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar


class InvokeHostError(Exception):
    """Root of all. The text says what was wrong, where, and what to do."""


class StartupError(InvokeHostError):
    """The host can't start. `warnings` are sentences about what works, but may not be meant."""

    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """One thing wrong in the configuration: `where` is `invoke-host.toml:12`, an environment variable or a flag."""

    where: str
    key: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.key}: {self.message}" if self.key else f"{self.where}: {self.message}"


class ConfigError(StartupError):
    """The configuration is wrong; `problems` holds all of it."""

    def __init__(self, problems: Sequence[ConfigProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class PluginError(StartupError):
    """A plugin can't be used; `plugin` is its name in the TOML."""

    def __init__(self, plugin: str, message: str) -> None:
        self.plugin = plugin
        super().__init__(f"plugin {plugin!r}: {message}")


class SchemaError(StartupError):
    """The database schema is newer than, older than or foreign to this program."""


class HookFailed(InvokeHostError):
    """A plugin's code raised or timed out; the cause is chained."""

    def __init__(self, plugin: str, hook: str, reason: str) -> None:
        self.plugin = plugin
        self.hook = hook
        super().__init__(f"plugin {plugin!r} failed in {hook}: {reason}")


class StorageError(InvokeHostError):
    """A database operation failed for a reason the backend could name."""


class StorageConflict(StorageError):
    """A constraint refused the write."""


class StorageUnavailable(StorageError):
    """The database can't be used now: locked, unreachable, out of connections."""


class StorageReadOnly(StorageError):
    """The database can't be written: read-only file, full disk."""


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One invalid input field: `loc` is its path (`("body", "width")`), `kind` a stable machine word."""

    loc: tuple[str | int, ...]
    message: str
    kind: str = "value_error"


class RequestError(InvokeHostError):
    """A request can't be served. `headers` go out with the answer."""

    status: ClassVar[int] = 400
    title: ClassVar[str] = "Bad request"

    def __init__(self, detail: str, *, headers: Mapping[str, str] | None = None) -> None:
        self.detail = detail
        self.headers = dict(headers or {})
        super().__init__(detail)


class BadRequest(RequestError):
    """400: the request makes no sense as it stands."""


class NotAuthenticated(RequestError):
    """401: no credential, or one that is not honoured."""

    status = 401
    title = "Not authenticated"


class Forbidden(RequestError):
    """403: visible, but not permitted."""

    status = 403
    title = "Forbidden"


class NotFound(RequestError):
    """404: does not exist or is not visible; the answer never tells which."""

    status = 404
    title = "Not found"


class Conflict(RequestError):
    """409: the thing is in a state that rules the request out."""

    status = 409
    title = "Conflict"


class Gone(RequestError):
    """410: the record exists, its file is damaged or missing."""

    status = 410
    title = "Gone"


class PayloadTooLarge(RequestError):
    """413: the body is over the route's limit."""

    status = 413
    title = "Payload too large"


class UnsupportedMedia(RequestError):
    """415: the content type is not the one this route takes."""

    status = 415
    title = "Unsupported media type"


class InvalidInput(RequestError):
    """422: well-formed, but fields are wrong; `problems` holds all of them."""

    status = 422
    title = "Invalid input"

    def __init__(self, problems: Sequence[FieldProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{'.'.join(map(str, p.loc))}: {p.message}" for p in self.problems))


class TooManyRequests(RequestError):
    """429: a limit was reached; `retry_after_s` becomes Retry-After."""

    status = 429
    title = "Too many requests"

    def __init__(self, detail: str, *, retry_after_s: int) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after_s)})


class ServiceUnavailable(RequestError):
    """503: can't be done now; try again."""

    status = 503
    title = "Service unavailable"

    def __init__(self, detail: str, *, retry_after_s: int = 5) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after_s)})


class ExecutionError(InvokeHostError):
    """A generation failed; the text is shown to its owner. `code` is a stable machine word."""

    code: ClassVar[str] = "execution_error"


class OutOfMemory(ExecutionError):
    """The device has too little memory for this size."""

    code = "out_of_memory"


class ModelUnusable(ExecutionError):
    """The model's folder is missing, damaged or of a kind that can't be loaded."""

    code = "model_unusable"


class WorkerDied(ExecutionError):
    """The worker process ended while it had the job."""

    code = "worker_died"


class Canceled(ExecutionError):
    """The job was canceled; nothing of it may be stored."""

    code = "canceled"
