"""A directory that is down, slow, silent, busy or elsewhere costs a time that is known, and is never a false answer."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import statistics
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from invoke_auth_ldap import LdapProvider
from invoke_auth_ldap.servers import Servers
from slapd import BASE, Slapd
from stub import BIND, SEARCH, mute, result, stub
from wire import delayed, listener

from conftest import Certificates, login, plain, protected
from invoke_host.api import Authenticated, Identity, LoginContext, Secret, Unavailable

PASSWORD = "Wren-41-saffron"
ALICE = f"uid=alice,ou=people,{BASE}"
UUID = "b4f1a2c0-0000-1000-8000-000000000001"
DOWN = "ldap://127.0.0.1:1"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    server = Slapd(tmp_path_factory.mktemp("availability") / "slapd").start()
    server.person("alice", PASSWORD)
    yield server
    server.stop()


@contextmanager
def deaf() -> Iterator[int]:
    """A port where connecting takes for ever: its line of waiting clients is full."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listening.getsockname())
        yield listening.getsockname()[1]


@asynccontextmanager
async def timed(at_most_s: float) -> AsyncIterator[None]:
    began = time.monotonic()
    yield
    took = time.monotonic() - began
    busy = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))  # others' work on the machine is no failure
    assert took <= at_most_s * busy, f"it took {took:.2f} s"


class TestFailover:
    async def test_a_dead_first_server_costs_one_connect_timeout_once(self, server: Slapd, open_provider: Any) -> None:
        with deaf() as port:
            servers = [f"ldap://127.0.0.1:{port}", server.uri]
            provider = await open_provider(plain(server, servers=servers, connect_timeout_s=1))
            async with timed(2):
                assert isinstance(await login(provider, "alice", PASSWORD), Authenticated)
            for _ in range(3):
                async with timed(0.5):
                    assert isinstance(await login(provider, "alice", PASSWORD), Authenticated)

    async def test_a_name_with_several_dead_addresses_costs_one_connect_timeout(
        self, server: Slapd, open_provider: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with deaf() as port:
            real = socket.getaddrinfo

            def several(host: Any, *args: Any, **kwargs: Any) -> Any:
                return (
                    real("127.0.0.1", *args, **kwargs) * 3 if host == "three.example" else real(host, *args, **kwargs)
                )

            monkeypatch.setattr(socket, "getaddrinfo", several)
            servers = [f"ldap://three.example:{port}", server.uri]
            provider = await open_provider(plain(server, servers=servers, connect_timeout_s=1))
            async with timed(2):
                assert isinstance(await login(provider, "alice", PASSWORD), Authenticated)

    async def test_a_silent_first_server_costs_one_read_timeout_once(self, server: Slapd, open_provider: Any) -> None:
        async with stub(lambda kind, request: None) as silent:
            provider = await open_provider(plain(server, servers=[silent.uri, server.uri], read_timeout_s=1))
            async with timed(2):
                assert isinstance(await login(provider, "alice", PASSWORD), Authenticated)
            async with timed(0.5):
                assert isinstance(await login(provider, "alice", PASSWORD), Authenticated)
            assert silent.clients == 1

    async def test_a_silent_first_server_that_eats_the_whole_login_is_not_asked_first_again(
        self, server: Slapd, open_provider: Any
    ) -> None:
        async with stub(lambda kind, request: None) as silent:
            provider = await open_provider(plain(server, servers=[silent.uri, server.uri], read_timeout_s=5))
            assert isinstance(await login(provider, "alice", PASSWORD, 1.5), Unavailable)
            async with asyncio.timeout(20):  # until the thread that was cut off has noticed
                while provider.directory.servers.in_order()[0].uri == silent.uri:  # noqa: ASYNC110
                    await asyncio.sleep(0.001)
            async with timed(0.5):
                assert isinstance(await login(provider, "alice", PASSWORD, 1.5), Authenticated)

    @pytest.mark.parametrize("code", [51, 52])
    async def test_a_server_that_is_busy_or_goes_down_leaves_it_to_the_next(
        self, server: Slapd, open_provider: Any, code: int
    ) -> None:
        async with stub(lambda kind, request: [result(kind, code)] if kind in (BIND, SEARCH) else None) as going:
            provider = await open_provider(plain(server, servers=[going.uri, server.uri]))
            assert isinstance(await login(provider, "alice", PASSWORD), Authenticated)

    async def test_a_server_that_is_back_is_used_after_the_cool_down(
        self, server: Slapd, tmp_path: Path, open_provider: Any
    ) -> None:
        other = Slapd(tmp_path / "other").start()
        try:
            other.person("alice", PASSWORD)
            servers = [other.uri, server.uri]
            provider = await open_provider(plain(server, servers=servers, cooldown_s=0.2))
            first = await login(provider, "alice", PASSWORD)
            other.stop()
            second = await login(provider, "alice", PASSWORD)
            other.start()
            await asyncio.sleep(0.25)
            third = await login(provider, "alice", PASSWORD)
            assert isinstance(first, Authenticated)
            assert first == third != second
        finally:
            other.stop()

    def test_servers_cool_down_and_the_one_that_failed_first_is_tried_first_again(self) -> None:
        now = [0.0]
        servers = Servers(["ldap://a", "ldap://b", "ldap://c"], 30, lambda: now[0])
        a, b, c = servers.in_order()
        servers.failed(a)
        assert servers.in_order() == [b, c, a]
        now[0] = 10
        servers.failed(b)
        assert servers.in_order() == [c, a, b]
        now[0] = 31
        assert servers.in_order() == [a, c, b]
        servers.worked(b)
        assert servers.in_order() == [a, b, c]

    async def test_when_all_are_down_that_is_said_with_all_reasons(self, server: Slapd, open_provider: Any) -> None:
        provider = await open_provider(plain(server, servers=[DOWN, "ldap://127.0.0.1:2"]))
        assert await login(provider, "alice", PASSWORD) == Unavailable("directory_unreachable")
        found = await provider.diagnose(None, None)
        assert [(each.stage, each.ok) for each in found if each.ok is False] == [("connect", False)] * 2


class TestDeadlines:
    async def test_a_silent_server_never_costs_more_than_the_deadline(self, slapd: Slapd, open_provider: Any) -> None:
        slapd.person("alice", PASSWORD)
        provider = await open_provider(plain(slapd))
        assert isinstance(await login(provider, "alice", PASSWORD), Authenticated)
        slapd.freeze()

        async def one() -> None:
            async with timed(1.5):
                assert isinstance(await login(provider, "alice", PASSWORD, 1.5), Unavailable)

        await asyncio.gather(*(one() for _ in range(30)))
        slapd.thaw()
        async with asyncio.timeout(10):
            while not isinstance(await login(provider, "alice", PASSWORD), Authenticated):
                pass

    async def test_answers_that_trickle_never_cost_more_than_the_deadline(
        self, server: Slapd, open_provider: Any
    ) -> None:
        async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            for byte in bytes.fromhex("3084000003e8"):
                writer.write(bytes([byte]))
                await asyncio.sleep(0.2)
            await reader.read()

        async with listener(trickle) as wire:
            servers = [f"ldap://127.0.0.1:{wire.port}"]
            provider = await open_provider(plain(server, servers=servers, read_timeout_s=1, threads=1))
            for _ in range(2):
                async with timed(0.8):
                    assert isinstance(await login(provider, "alice", PASSWORD, 0.7), Unavailable)

    async def test_the_options_deadline_counts_if_it_is_shorter(self, server: Slapd, open_provider: Any) -> None:
        async with stub(lambda kind, request: None) as silent:
            provider = await open_provider(plain(server, servers=[silent.uri], login_timeout_s=0.5))
            async with timed(1):
                assert isinstance(await login(provider, "alice", PASSWORD, 30), Unavailable)
            async with timed(1):
                assert isinstance(await provider.refresh(Identity("ldap", UUID)), Unavailable)

    async def test_one_hundred_logins_at_a_slow_server_hold_up_nobody_else(
        self, server: Slapd, open_provider: Any
    ) -> None:
        lags: list[float] = []
        starved = _starved()

        async def tick() -> None:
            while True:
                began, waited = time.perf_counter(), starved()
                await asyncio.sleep(0.005)
                lags.append(time.perf_counter() - began - 0.005 - (starved() - waited))

        async with delayed(server.port, 0.35) as port:  # some six answers make a login of about two seconds
            provider = await open_provider(plain(server, servers=[f"ldap://127.0.0.1:{port}"]))
            ticking = asyncio.create_task(tick())
            outcomes = await asyncio.gather(*(login(provider, "alice", PASSWORD, 5) for _ in range(100)))
            ticking.cancel()
        kinds = {type(outcome) for outcome in outcomes}
        assert kinds == {Authenticated, Unavailable}, "some get in, the others are told in time"
        p99 = statistics.quantiles(lags, n=100)[98]
        assert len(lags) > 300
        assert p99 <= 0.020, f"p99 of other work: {p99 * 1000:.1f} ms"

    async def test_a_line_that_is_full_is_said_at_once(self, server: Slapd, open_provider: Any) -> None:
        async with stub(lambda kind, request: None) as silent:
            provider = await open_provider(plain(server, servers=[silent.uri], threads=1, queue=2))
            waiting = [asyncio.create_task(login(provider, "alice", PASSWORD, 1)) for _ in range(3)]
            await asyncio.sleep(0)
            async with timed(0.2):
                assert await login(provider, "alice", PASSWORD, 1) == Unavailable("directory_busy")
            assert {type(each) for each in await asyncio.gather(*waiting)} == {Unavailable}
            assert isinstance(await login(provider, "alice", PASSWORD, 0.3), Unavailable)

    async def test_waiting_in_the_line_is_not_the_servers_fault(self, server: Slapd, open_provider: Any) -> None:
        async with delayed(server.port, 0.2) as port:
            uri = f"ldap://127.0.0.1:{port}"
            provider = await open_provider(plain(server, servers=[uri, DOWN], threads=1))
            await asyncio.gather(*(login(provider, "alice", PASSWORD, 0.9) for _ in range(6)))
            assert provider.directory.servers.in_order()[0].uri == uri


class TestCutOff:
    """Who leaves, or whose time is over, leaves no connection and no busy thread behind."""

    @pytest.mark.parametrize("scheme", ["ldap", "ldaps"])
    async def test_a_login_that_is_given_up_closes_its_connection(
        self, server: Slapd, certificates: Certificates, open_provider: Any, scheme: str
    ) -> None:
        async with mute() as silent:
            servers = [f"{scheme}://127.0.0.1:{silent.port}"]
            options = {"servers": servers, "threads": 1, "read_timeout_s": 60, "login_timeout_s": 60}
            provider = await open_provider(protected(server, certificates, **options))
            for _ in range(3):
                task = asyncio.create_task(login(provider, "alice", PASSWORD, 60))
                async with asyncio.timeout(20):
                    await silent.came.acquire()
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                async with asyncio.timeout(20):
                    await silent.gone.acquire()

    async def test_cutting_off_never_takes_tls_off_first(
        self, tls_slapd: Slapd, certificates: Certificates, open_provider: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        where: list[int] = []
        real = ssl.SSLSocket.shutdown

        def watched(self: ssl.SSLSocket, how: int) -> None:
            where.append(threading.get_ident())
            real(self, how)

        monkeypatch.setattr(ssl.SSLSocket, "shutdown", watched)
        provider = await open_provider(protected(tls_slapd, certificates))
        for pause_s in (0.002, 0.004, 0.008, 0.012, 0.02, 0.05, 0.1, 0.2):
            if where and pause_s > 0.02:
                break  # the longer ones are for a machine on which there was no connection yet
            task = asyncio.create_task(login(provider, "alice", PASSWORD))
            await asyncio.sleep(pause_s)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert isinstance(await login(provider, "alice", PASSWORD), Authenticated)
        assert where, "nothing was closed, so nothing is proven"
        assert threading.get_ident() not in where, "another thread may be sending a password on that socket"

    async def test_threads_are_as_many_as_was_said_and_end(self, server: Slapd, open_provider: Any) -> None:
        def threads() -> int:
            return sum(thread.name.startswith("ldap_") for thread in threading.enumerate())

        before = threads()
        async with stub(lambda kind, request: None) as silent:
            provider = await open_provider(plain(server, servers=[silent.uri], threads=3, read_timeout_s=60))
            for _ in range(5):
                waiting = [asyncio.create_task(login(provider, "alice", PASSWORD, 60)) for _ in range(8)]
                await asyncio.sleep(0.02)
                for task in waiting:
                    task.cancel()
                await asyncio.gather(*waiting, return_exceptions=True)
            assert threads() - before <= 3
            last = asyncio.create_task(login(provider, "alice", PASSWORD, 60))
            await asyncio.sleep(0.05)
            async with timed(1):
                await provider.close()
                assert isinstance(await last, Unavailable)
        assert threads() == before
        assert isinstance(await login(provider, "alice", PASSWORD), Unavailable)


async def test_a_provider_that_was_never_opened_is_unavailable(server: Slapd, tmp_path: Path) -> None:
    from invoke_host.testing.fakes import FakeHost

    options = plain(server)
    provider = LdapProvider(FakeHost(tmp_path, {"ldap": options}), options)
    assert isinstance(await provider.from_password("alice", Secret(PASSWORD), LoginContext(None, 5)), Unavailable)


async def test_ipv6_addresses_are_written_in_brackets(server: Slapd, open_provider: Any) -> None:
    provider = await open_provider(plain(server, servers=[f"ldap://[::1]:{server.port}"]))
    assert isinstance(await login(provider, "alice", PASSWORD), Authenticated)


def _starved() -> Any:
    path = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat")
    return lambda: int(path.read_text().split()[1]) / 1e9
