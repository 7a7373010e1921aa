"""The decoder's life: it starts when it is needed, may die or hang, never outlives the host, and serves in turn."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap

import psutil
import pytest

from invoke_host.api import InvalidInput, ServiceUnavailable, TooManyRequests
from invoke_host.pictures.values import DecodeJob

from . import samples


def armed(what: str) -> dict[str, dict[str, str]]:
    return {"environment": {"INVOKE_HOST_FAILPOINT": what}}


async def test_it_starts_with_the_first_picture_and_stays_for_the_next(decoder, put):
    assert decoder.pid is None
    await put(decoder, samples.png())
    first = decoder.pid
    await put(decoder, samples.png())
    assert decoder.pid == first is not None


async def test_it_ends_when_it_has_had_nothing_to_do(make_decoder, put):
    decoder = make_decoder(idle_s=0.01)
    await put(decoder, samples.png())
    async with asyncio.timeout(10):
        while decoder.pid is not None:  # noqa: ASYNC110 - nobody is told
            await asyncio.sleep(0)
    assert (await put(decoder, samples.png())).width == 32


async def test_close_ends_it(decoder, put):
    await put(decoder, samples.png())
    process = psutil.Process(decoder.pid)
    await decoder.close()
    assert not process.is_running()
    await decoder.close()


async def test_kill_9_between_pictures_is_not_noticed_by_the_next(decoder, put):
    await put(decoder, samples.png())
    os.kill(decoder.pid, signal.SIGKILL)
    assert (await put(decoder, samples.png())).width == 32


async def test_kill_9_in_a_picture_costs_a_second_try(make_decoder, put):
    decoder = make_decoder(**armed("pictures.decode:kill9@2"))
    await put(decoder, samples.png())
    first = decoder.pid
    assert (await put(decoder, samples.png())).width == 32
    assert decoder.pid != first


async def test_a_picture_that_kills_it_twice_is_refused_and_the_next_one_is_not(make_decoder, put, monkeypatch):
    decoder = make_decoder(**armed("pictures.decode:kill9"))
    with pytest.raises(InvalidInput, match="ended, twice"):
        await put(decoder, samples.png())
    decoder.settings.environment["INVOKE_HOST_FAILPOINT"] = ""
    assert (await put(decoder, samples.png())).width == 32


async def test_a_decoder_that_hangs_is_killed_and_the_picture_refused(make_decoder, put):
    decoder = make_decoder(timeout_s=1.0, **armed("pictures.decode:stop@2"))
    await put(decoder, samples.png())
    process = psutil.Process(decoder.pid)
    with pytest.raises(InvalidInput, match="too long to decode"):
        await put(decoder, samples.png())
    assert not process.is_running()
    assert (await put(decoder, samples.png())).width == 32


async def test_a_picture_that_uses_up_its_processor_time_is_refused(make_decoder, put):
    decoder = make_decoder(cpu_s=0.01)
    with pytest.raises(InvalidInput, match="too long to decode"):
        await put(decoder, samples.flat(8000, 7900), resize=(8001, 7900))


async def test_a_caller_who_leaves_takes_the_process_along(make_decoder, put):
    decoder = make_decoder(**armed("pictures.decode:stop@2"))
    await put(decoder, samples.png())
    process = psutil.Process(decoder.pid)
    task = asyncio.create_task(put(decoder, samples.png()))
    async with asyncio.timeout(10):
        while process.status() != psutil.STATUS_STOPPED:  # noqa: ASYNC110 - the kernel tells nobody
            await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await put(decoder, samples.png())).width == 32


async def test_many_wait_and_each_gets_its_own_picture(decoder, put):
    done = await asyncio.gather(*(put(decoder, samples.png(10 + n, 5)) for n in range(12)))
    assert [each.width for each in done] == [10 + n for n in range(12)]


async def test_pictures_of_many_owners_are_decoded_in_turn(decoder, put):
    finished: list[str] = []

    async def one(owner: str) -> None:
        await put(decoder, samples.png(), owner=owner)
        finished.append(owner)

    async with asyncio.TaskGroup() as group:
        for owner in ["alice"] * 6 + ["bob"] * 2 + ["carol"]:
            group.create_task(one(owner))
    assert finished == ["alice", "alice", "bob", "carol", "alice", "bob", "alice", "alice", "alice"]


async def test_who_has_too_many_waiting_gets_429_and_a_full_house_503(make_decoder, put):
    decoder = make_decoder(most_waiting=3, most_of_one=2)
    results = await asyncio.gather(
        *(put(decoder, samples.png(), owner=owner) for owner in ["alice"] * 4 + ["bob"] * 2), return_exceptions=True
    )
    kinds = [type(each) for each in results]
    assert (kinds[3], kinds[5]) == (TooManyRequests, ServiceUnavailable)
    assert not [each for at, each in enumerate(results) if at not in (3, 5) and isinstance(each, BaseException)]
    assert (await put(decoder, samples.png())).width == 32


async def test_who_gives_up_waiting_leaves_the_queue(make_decoder, put):
    decoder = make_decoder(most_of_one=1, most_waiting=1)
    running = asyncio.create_task(put(decoder, samples.png()))
    await asyncio.sleep(0)
    waiting = asyncio.create_task(put(decoder, samples.png(), owner="bob"))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert (await asyncio.gather(running, put(decoder, samples.png(), owner="carol")))[1].width == 32


async def test_a_decoder_that_can_not_be_started_is_503(decoder, put, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    with pytest.raises(ServiceUnavailable, match="can't be started"):
        await put(decoder, samples.png())


HOST = textwrap.dedent(
    """
    import asyncio, structlog, sys
    from pathlib import Path
    from invoke_host.pictures.client import PictureDecoder

    async def main():
        decoder = PictureDecoder(structlog.get_logger())
        folder = Path(sys.argv[1])
        await decoder.decode(folder / "x", folder, owner="a")
        print("pid", decoder.pid, flush=True)
        await asyncio.sleep(600)

    asyncio.run(main())
    """
)


@pytest.mark.parametrize("stopped", [False, True])
def test_kill_9_of_the_host_ends_the_decoder(tmp_path, stopped):
    (tmp_path / "x").write_bytes(samples.png())
    command = [sys.executable, "-c", HOST, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as host:
        decoder = psutil.Process(next(int(line.split()[1]) for line in host.stdout if line.startswith("pid ")))
        if stopped:
            decoder.send_signal(signal.SIGSTOP)
        host.send_signal(signal.SIGKILL)
        decoder.wait(timeout=10)


def test_the_end_of_its_pipe_ends_it():
    command = [sys.executable, "-m", "invoke_host.pictures.decoder", str(os.getpid()), "1000", "5"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdin.close()
        assert process.wait(timeout=20) == 0


def test_of_a_damaged_picture_one_line_is_left_in_the_log(tmp_path):
    source = tmp_path / "x.upload"
    source.write_bytes(samples.png(200, 200)[:-40])
    command = [sys.executable, "-m", "invoke_host.pictures.decoder", str(os.getpid()), "100000", "5"]
    job = DecodeJob(str(source), str(tmp_path), 100_000).to_line()
    done = subprocess.run(command, input=job, capture_output=True, timeout=20, check=True)
    assert b"damaged" in done.stdout
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("OSError at ImageFile.py:")
    assert str(tmp_path) not in line
