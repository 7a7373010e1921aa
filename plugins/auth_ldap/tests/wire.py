"""A listener between provider and server that keeps every byte, or a server that misbehaves in one certain way."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

#: ExtendedResponse to message 1: success, and a refusal with protocolError (RFC 4511 section 4.12).
START_TLS_OK = bytes.fromhex("300c02010178070a010004000400")
START_TLS_REFUSED = bytes.fromhex("300c02010178070a010204000400")


@dataclass
class Wire:
    """What clients sent in clear text, all connections together."""

    port: int = 0
    sent: bytearray = field(default_factory=bytearray)
    connections: int = 0


@asynccontextmanager
async def listener(talk: Talk, wire: Wire | None = None) -> AsyncIterator[Wire]:
    """A server on loopback that has this talk with each client."""
    wire = wire or Wire()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire.connections += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            await talk(reader, writer)
        writer.close()

    server = await asyncio.start_server(meet, "127.0.0.1", 0)
    wire.port = server.sockets[0].getsockname()[1]
    try:
        yield wire
    finally:
        server.close()


@asynccontextmanager
async def tapped(port: int) -> AsyncIterator[Wire]:
    """What goes to the server at that port, written down."""
    wire = Wire()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, answer = await asyncio.open_connection("127.0.0.1", port)

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, note: bool) -> None:
            with suppress(ConnectionError):
                while data := await source.read(65536):
                    if note:
                        wire.sent += data
                    sink.write(data)
                    await sink.drain()
            sink.close()

        await asyncio.gather(pump(reader, answer, True), pump(there, writer, False))

    async with listener(talk, wire):
        yield wire


@asynccontextmanager
async def delayed(port: int, answer_s: float) -> AsyncIterator[int]:
    """A port that leads to that one, where each answer comes so much later."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, answer = await asyncio.open_connection("127.0.0.1", port)

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, later_s: float) -> None:
            with suppress(ConnectionError):
                while data := await source.read(65536):
                    await asyncio.sleep(later_s)
                    sink.write(data)
                    await sink.drain()
            sink.close()

        await asyncio.gather(pump(reader, answer, 0), pump(there, writer, answer_s))

    async with listener(talk, Wire()) as wire:
        yield wire.port


def says(wire_of: Wire, *answers: bytes) -> Talk:
    """Read once, answer with this, and so on; then read what still comes."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            wire_of.sent += await reader.read(65536)
            writer.write(answer)
            await writer.drain()
        while data := await reader.read(65536):
            wire_of.sent += data

    return talk
