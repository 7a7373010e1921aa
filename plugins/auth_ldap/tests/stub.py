"""A directory server that says what a test wants, in the bytes of RFC 4511, and what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from wire import Wire, listener

BIND, SEARCH, UNBIND, EXTENDED = 0x60, 0x63, 0x42, 0x77
#: Takes the kind of a request and gives the answers to it; None is silence.
Behave = Callable[[int, bytes], "Sequence[bytes] | None"]


@dataclass
class Stub:
    """Where it listens, the kinds of requests that came, in order, and how many clients have gone."""

    port: int = 0
    asked: list[int] = field(default_factory=list)
    clients: int = 0
    came: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    gone: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    @property
    def uri(self) -> str:
        return f"ldap://127.0.0.1:{self.port}"


@asynccontextmanager
async def stub(behave: Behave) -> AsyncIterator[Stub]:
    """A server on loopback that behaves like that with every client."""
    server = Stub()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.clients += 1
        server.came.release()
        try:
            while True:
                message_id, request = await _read(reader)
                server.asked.append(request[0])
                for answer in behave(request[0], request) or ():
                    writer.write(_tlv(0x30, _tlv(0x02, message_id), answer))
                await writer.drain()
        finally:
            server.gone.release()

    async with listener(talk, Wire()) as wire:
        server.port = wire.port
        yield server


@asynccontextmanager
async def mute() -> AsyncIterator[Stub]:
    """A server that takes whatever is sent, LDAP or TLS, and says nothing; whoever said something has come."""
    server = Stub()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        server.came.release()
        await reader.read()
        server.gone.release()

    async with listener(talk) as wire:
        server.port = wire.port
        yield server


def result(kind: int, code: int = 0, *, message: str = "", referral: str = "") -> bytes:
    """The answer to a request of that kind (BIND, SEARCH, EXTENDED)."""
    tag = {BIND: 0x61, SEARCH: 0x65, EXTENDED: 0x78}[kind]
    parts = [_tlv(0x0A, bytes([code])), _tlv(0x04, b""), _tlv(0x04, message.encode())]
    if referral:
        parts.append(_tlv(0xA3, _tlv(0x04, referral.encode())))
    return _tlv(tag, *parts)


def entry(dn: str, values: Mapping[str, Sequence[bytes]]) -> bytes:
    """An entry that a search found."""
    attributes = [
        _tlv(0x30, _tlv(0x04, name.encode()), _tlv(0x31, *(_tlv(0x04, each) for each in all_of)))
        for name, all_of in values.items()
    ]
    return _tlv(0x64, _tlv(0x04, dn.encode()), _tlv(0x30, *attributes))


def reference(uri: str) -> bytes:
    """`Look there, too`, among the entries of a search."""
    return _tlv(0x73, _tlv(0x04, uri.encode()))


def _tlv(tag: int, *parts: bytes) -> bytes:
    data = b"".join(parts)
    size = bytes([len(data)]) if len(data) < 128 else b"\x84" + len(data).to_bytes(4, "big")
    return bytes([tag]) + size + data


async def _read(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readexactly(2)
    size = head[1]
    if size > 127:
        size = int.from_bytes(await reader.readexactly(size - 128), "big")
    data = await reader.readexactly(size)
    end = 2 + data[1]
    return data[2:end], data[end:]
