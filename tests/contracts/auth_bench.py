"""The auth-provider suite on the honest provider or one that is broken: by pytest, or one test by hand."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from invoke_host.api import AuthProvider, RequestView
from invoke_host.testing.contracts import AuthProviderContract
from invoke_host.testing.contracts._auth_accounts import Seam
from invoke_host.testing.contracts.auth_provider import Credential
from invoke_host.testing.fakes import FakeHost
from tests.contracts.honest_provider import PROXY, Directory, HonestProvider

PASSWORD = "Wren-61-basalt"


class Suite(AuthProviderContract):
    """All that a test class can declare."""

    kind: ClassVar[type[HonestProvider]] = HonestProvider
    good = ("alice", PASSWORD)
    header = "x-user"
    deadline_s = 0.5

    def setup_method(self) -> None:
        self.directory = Directory()
        derived = HonestProvider(self.directory).derived(PASSWORD, "salt")
        self.directory.execute(
            "INSERT INTO people VALUES ('s-1', 'alice', :hash, 'Alice', 'painters', 1)", hash=derived
        )

    @pytest.fixture
    def make_provider(self):
        return lambda: self.kind(self.directory)

    @pytest.fixture
    async def full_cost_provider(self):
        provider = await self.costly()
        yield provider
        await provider.close()

    @pytest.fixture
    def write(self, tmp_path):
        return FakeHost(tmp_path, {}, engine=self.directory.engine).write

    async def costly(self) -> HonestProvider:
        provider = self.kind(self.directory, iterations=300_000)
        self.directory.execute("UPDATE people SET hash = :hash", hash=provider.derived(PASSWORD, "salt"))
        await provider.open()
        return provider

    def good_request(self) -> RequestView:
        return RequestView("GET", "/", {"x-user": "alice"}, PROXY, secure=False)

    async def disable(self, login: str) -> None:
        self.directory.execute("UPDATE people SET active = 0 WHERE login = :login", login=login)

    async def delete(self, login: str) -> None:
        self.directory.execute("DELETE FROM people WHERE login = :login", login=login)

    async def leave_group(self, login: str) -> str:
        self.directory.execute("UPDATE people SET team = '' WHERE login = :login", login=login)
        return "painters"

    async def rename_display(self, login: str) -> None:
        self.directory.execute("UPDATE people SET display_name = 'Al' || display_name WHERE login = :l", l=login)

    async def backend_down(self) -> None:
        self.directory.mode = "down"

    async def backend_silent(self) -> None:
        self.directory.mode = "silent"

    async def backend_slow(self) -> None:
        self.directory.mode = "slow"

    async def backend_up(self) -> None:
        self.directory.mode = "up"


class HonestProxy(HonestProvider):
    """Has no passwords."""

    accounts = None

    async def from_password(self, name, password, context):
        return None


class RequestsOnly(Suite):
    """Tests of a provider that has no passwords."""

    kind = HonestProxy
    good = None

    async def many(self, count: int) -> Sequence[Credential]:
        for number in range(count):
            self.directory.execute(
                "INSERT INTO people VALUES (:s, :l, '', :l, :l, 1)", s=f"s-many-{number}", l=f"person{number}"
            )
        return [replace(self.good_request(), headers={"x-user": f"person{number}"}) for number in range(count)]


class Fixtures:
    """What pytest would hand to one test of the suite."""

    def __init__(
        self, kind: type[HonestProvider], suite: type[Suite], request: pytest.FixtureRequest, folder: Path
    ) -> None:
        self._suite = type("Broken", (suite,), {"kind": kind})()
        self._suite.setup_method()
        self._request = request
        self._folder = folder
        self._opened: list[AuthProvider] = []

    async def run(self, name: str) -> None:
        test = getattr(self._suite, name)
        arguments = {argument: await self.make(argument) for argument in inspect.signature(test).parameters}
        try:
            await test(**arguments)
        finally:
            for provider in self._opened:
                if isinstance(provider, HonestProvider) and provider.pool is not None:
                    provider.pool.shutdown()

    async def make(self, name: str) -> Any:
        if name == "make_provider":
            return lambda: self._suite.kind(self._suite.directory)
        if name == "provider":
            self._opened.append(self._suite.kind(self._suite.directory))
            await self._opened[-1].open()
            return self._opened[-1]
        if name == "full_cost_provider":
            self._opened.append(await self._suite.costly())
            return self._opened[-1]
        if name == "write":
            return FakeHost(self._folder, {}, engine=self._suite.directory.engine).write
        if name == "seam":
            provider = self._opened[-1] if self._opened else await self.make("provider")
            return Seam(provider, provider.accounts, await self.make("write"))
        return self._request.getfixturevalue(name)


def names_of_tests(suite: type[AuthProviderContract]) -> Sequence[str]:
    return [name for name in dir(suite) if name.startswith("test_")]
