"""Opens the accounts of a root folder for a command, without a server: same configuration, same database, same rules.

A host may run on the folder meanwhile. Nothing here takes its lock: the database lets both in, and the host looks at
the rows of users and sessions again whenever it needs them.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from invoke_host.cli.context import CliContext
from invoke_host.cli.errors import CliError

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from invoke_host.api import AuthProvider, MigrationLineage, PasswordAccounts
    from invoke_host.audit.record import Origin
    from invoke_host.clock import Clock
    from invoke_host.config import LoadedConfig
    from invoke_host.identity.sessions.life import Lifetimes
    from invoke_host.identity.users.service import UserService
    from invoke_host.plugins import Offers
    from invoke_host.storage import Storage

T = TypeVar("T")

#: The file that a host without `[storage] path` keeps its data in.
_DATABASE = "invoke-host.db"


@dataclass(frozen=True, slots=True)
class Services:
    """What works on accounts.

    `passwords` is None where no configured login provider keeps any; `lifetimes` say when a login is over; `offers` is
    what the plugins hand out besides.
    """

    storage: Storage
    users: UserService
    passwords: PasswordAccounts | None
    lifetimes: Lifetimes
    clock: Clock
    origin: Origin
    single_user: bool
    offers: Offers


class Accounts:
    """The services for code without an event loop: a question at the terminal must not run inside one.

    There Ctrl-C would only be noticed after the next key.
    """

    def __init__(self, services: Services, runner: asyncio.Runner) -> None:
        self.services = services
        self.users = services.users
        self.origin = services.origin
        self._runner = runner

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of a coroutine of the services.

        Raises:
            CliError: values are wrong; with all of the sentences about them.
        """
        from invoke_host.api import InvalidInput

        try:
            return self._runner.run(work)
        except InvalidInput as error:
            raise CliError("\n".join(problem.message for problem in error.problems)) from error
        except UnicodeEncodeError as error:  # the shell hands over any bytes
            raise CliError("an address or a name on the command line is no valid text") from error


@contextmanager
def opened(cli: CliContext) -> Iterator[Accounts]:
    """The accounts of the root folder, closed at the end; raises as `services` does."""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        entered = runner.run(stack.enter_async_context(services(cli)))
        try:
            yield Accounts(entered, runner)
        finally:
            runner.run(stack.aclose())


@asynccontextmanager
async def services(cli: CliContext) -> AsyncIterator[Services]:
    """Storage and services of the root folder. The database is made if there is only a configuration yet.

    Raises:
        CliError: no host lives in this folder, and nothing is made there; or its schema is of an older program.
        StartupError: everything that is wrong with the configuration and the plugins, or the database can't be used.
    """
    loaded = cli.read()
    _check_root(cli, loaded)
    from invoke_host.cli.registry import lineages, load_registry
    from invoke_host.clock import SystemClock
    from invoke_host.identity.users.service import UserService
    from invoke_host.ops.logging import setup_logging
    from invoke_host.owned import OWNED
    from invoke_host.plugins import HostServices, Offers
    from invoke_host.storage import Storage

    registry = load_registry(loaded)
    log = setup_logging("error", loaded.config.logging.format)  # programs read what is written to standard error
    database = loaded.path(loaded.config.storage.path, "") if loaded.config.storage.path else None
    host = HostServices(loaded.root, log, database_path=database)
    offers = Offers(registry, host)
    os.umask(0o077)  # as the host does: what is made here is for its user alone
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        storage = Storage(offers.storage_backend(), log=log)
        stack.push_async_callback(storage.close)
        await storage.open()
        await asyncio.to_thread(_fit_schema, storage, lineages(registry), cli, log)
        host.attach(storage=storage)
        provider = next((each for each in offers.providers() if each.accounts is not None), None)
        if provider is not None:
            await provider.open()
            stack.push_async_callback(provider.close)
        passwords = provider.accounts if provider is not None else None
        single_user = loaded.config.single_user
        users = UserService(storage, clock, accounts=passwords, provider=_name(provider), owned=OWNED)
        yield Services(storage, users, passwords, loaded.config.auth.sessions, clock, _origin(), single_user, offers)


def _check_root(cli: CliContext, loaded: LoadedConfig) -> None:
    """Refuse a folder without a host before anything can make one there."""
    database = loaded.path(loaded.config.storage.path, _DATABASE)
    if not loaded.file.is_file() and not database.is_file():
        raise CliError(
            f"no host lives in {cli.root}: there is neither {loaded.file.name} nor a database; "
            "name the right folder with --root, or start a host there first"
        )


def _fit_schema(
    storage: Storage, known: Sequence[MigrationLineage], cli: CliContext, log: FilteringBoundLogger
) -> None:
    """Install what is not there yet; what is old stays as it is, because a host may be using it."""
    from invoke_host.root import HostRoot
    from invoke_host.storage.migrate import ensure, status

    command = f"invoke-host --root {cli.root} db upgrade"
    found = status(storage.engine, storage.backend, known)
    old = [each for each in found if each.state == "behind"]
    if old and not any(each.problem for each in found):
        listed = "; ".join(f"{each.name}: {each.current} -> {each.head}" for each in old)
        raise CliError(
            f"the database schema is older than this program ({listed}); "
            f"stop all hosts that use the database, then run: {command}"
        )
    if any(each.pending or each.problem for each in found):
        root = HostRoot(cli.root)
        root.prepare()
        ensure(
            storage.engine,
            storage.backend,
            known,
            backup_dir=root.backups,
            auto_migrate=False,
            command=command,
            log=log,
        )


def _name(provider: AuthProvider | None) -> str | None:
    return None if provider is None else provider.name


def _origin() -> Origin:
    from invoke_host.audit.record import Origin

    return Origin(actor_id=None, actor_name=f"cli: {_unix_user()}", via="cli")


def _unix_user() -> str:
    """Who runs this process, by the system's own word: environment variables say what they are told to."""
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a number without an entry, as in many containers
        return f"uid {os.getuid()}"
