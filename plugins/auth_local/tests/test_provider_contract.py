"""The provider keeps the contract for login providers, on each database."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import pytest_asyncio

from invoke_host.api import AuthProvider, StorageUnavailable
from invoke_host.storage import Storage
from invoke_host.testing.contracts import AuthProviderContract


class TestLocal(AuthProviderContract):
    good = ("alice@example.org", "Wren-41-saffron-Lintel")
    deadline_s = 2.0  # twenty at once on a busy machine

    @pytest_asyncio.fixture
    async def make_provider(self, each_passwords_storage: Storage, make_local: Any) -> Any:
        self.local = await make_local(each_passwords_storage)
        await self.local.add("alice", *self.good)
        return lambda: type(self.local.provider)(self.local.host, self.local.host.config("local"))

    @pytest_asyncio.fixture
    async def full_cost_provider(self, provider: AuthProvider, make_local: Any) -> AuthProvider:
        if self.local.storage.backend.name != "sqlite":
            return provider  # hashing is the same, and takes a minute
        return (await make_local(self.local.storage, bcrypt_cost=11)).provider

    @pytest.fixture
    def write(self, each_passwords_storage: Storage) -> Any:
        return each_passwords_storage.write

    async def delete(self, login: str) -> None:
        assert login == self.good[0]
        await self.local.storage.write(self.local.provider.accounts.remove, "alice")

    async def backend_down(self) -> None:
        async def raises() -> None:
            raise StorageUnavailable("the database can't be reached")

        self.local.host.before_read = raises

    async def backend_silent(self) -> None:
        self.local.host.before_read = asyncio.Event().wait

    async def backend_up(self) -> None:
        self.local.host.before_read = None
