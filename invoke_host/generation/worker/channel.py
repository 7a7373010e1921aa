"""The worker's end of the socket: a reader thread for what the host says, and sends that any thread may make."""

from __future__ import annotations

import os
import queue
import socket
import sys
import threading
from typing import NoReturn

from invoke_host.api import Job
from invoke_host.generation.protocol import (
    HEADER,
    Cancel,
    Configure,
    Credit,
    Frame,
    Heartbeat,
    Previews,
    ProtocolError,
    Run,
    decode,
    encode,
    payload_length,
)

#: Exit code after a frame that could not be read.
EXIT_PROTOCOL = 76
#: Exit code after a thread of the worker failed, for want of memory say.
EXIT_THREAD_LOST = 71


class Channel:
    """Jobs in, frames out. When the host is gone the whole process ends at once, whatever it is doing."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._stream = sock.makefile("rb")
        self._sending = threading.Lock()
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._known: set[str] = set()
        self._canceled: set[str] = set()
        self._previewed: set[str] = set()
        self._credit_out = False
        self._state = threading.Lock()

    def configure(self) -> Configure:
        """The first frame; then the reader thread and the heartbeat start."""
        first = self._read()
        if not isinstance(first, Configure):
            _die(f"expected Configure, got {type(first).__name__}")
        threading.excepthook = _end_with_thread
        threading.Thread(target=self._listen, name="host", daemon=True).start()
        threading.Thread(target=self._beat, args=(first.heartbeat_s,), name="heartbeat", daemon=True).start()
        return first

    def send(self, frame: Frame) -> None:
        """Send a frame, whole, from any thread; a host that is gone ends this process."""
        data = encode(frame)
        try:
            with self._sending:
                self._socket.sendall(data)
        except OSError:
            os._exit(0)

    def grant(self) -> None:
        """Tell the host that one more job is welcome, unless it was told already and has not been answered."""
        with self._state:
            if self._credit_out:
                return
            self._credit_out = True
        self.send(Credit())

    def next_job(self) -> Job:
        """Wait for the next job; its credit is used up."""
        job = self._jobs.get()
        with self._state:
            self._credit_out = False
        return job

    def is_canceled(self, job_id: str) -> bool:
        """Has the host asked to stop that job?"""
        return job_id in self._canceled

    def wants_preview(self, job_id: str) -> bool:
        """Does anybody want to see how that job goes?"""
        return job_id in self._previewed

    def forget(self, job_id: str) -> None:
        """The job is over; a late cancel of it means nothing."""
        with self._state:
            self._known.discard(job_id)
            self._canceled.discard(job_id)
            self._previewed.discard(job_id)

    def _listen(self) -> None:
        while True:
            frame = self._read()
            with self._state:
                if isinstance(frame, Run):
                    self._known.add(frame.job.id)
                    self._jobs.put(frame.job)
                elif isinstance(frame, Cancel):
                    if frame.job_id in self._known:
                        self._canceled.add(frame.job_id)
                elif isinstance(frame, Previews):
                    if frame.job_id in self._known:
                        (self._previewed.add if frame.wanted else self._previewed.discard)(frame.job_id)
                else:
                    _die(f"unexpected {type(frame).__name__}")

    def _read(self) -> Frame:
        try:
            header = self._stream.read(HEADER.size)
            if len(header) < HEADER.size:
                os._exit(0)  # the host closed its end or died: nobody is left to work for
            length = payload_length(header)
            payload = self._stream.read(length)
            if len(payload) < length:
                os._exit(0)
            return decode(header, payload)
        except ProtocolError as error:
            _die(str(error))
        except OSError:
            os._exit(0)

    def _beat(self, every_s: float) -> None:
        pause = threading.Event()
        while True:
            self.send(Heartbeat())
            pause.wait(every_s)


def _end_with_thread(args: threading.ExceptHookArgs) -> None:
    """A worker that has lost one of its threads is deaf or mute; the host starts another one."""
    sys.excepthook(args.exc_type, args.exc_value or args.exc_type(), args.exc_traceback)
    sys.stderr.flush()
    os._exit(EXIT_THREAD_LOST)


def _die(reason: str) -> NoReturn:
    sys.stderr.write(f"worker: protocol error: {reason}\n")
    sys.stderr.flush()
    os._exit(EXIT_PROTOCOL)
