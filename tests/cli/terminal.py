"""A real pseudo-terminal with a program on it: what a person would see, and what they would type."""

from __future__ import annotations

import fcntl
import os
import select
import subprocess
import sys
import termios
from contextlib import suppress
from pathlib import Path
from typing import Self

#: Longest time until an expected text shows.
_PATIENCE_S = 60


class Terminal:
    """One program on a terminal of its own. `screen` is all that has been shown."""

    def __init__(self, command: list[str], *, root: Path) -> None:
        self._screen, there = os.openpty()
        self.screen = ""
        self._seen = 0
        environment = {**os.environ, "INVOKE_HOST_ROOT": str(root), "TERM": "dumb", "PYTHONIOENCODING": "utf-8"}
        self._process = subprocess.Popen(
            command,
            stdin=there,
            stdout=there,
            stderr=there,
            env=environment,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # hidden questions open /dev/tty
        )
        os.close(there)

    @classmethod
    def of_user_command(cls, name: str, *words: str, root: Path) -> Self:
        """`invoke-user<name> …` on a terminal."""
        program = f"import sys; from invoke_host.cli.user_commands import user{name}; sys.exit(user{name}())"
        return cls([sys.executable, "-c", program, *words], root=root)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._screen)

    def expect(self, text: str) -> None:
        """Wait until the text shows, behind what was expected before."""
        while text not in self.screen[self._seen :]:
            assert self._read(), f"{text!r} never came; shown:\n{self.screen}"
        self._seen = self.screen.index(text, self._seen) + len(text)

    def type(self, line: str) -> None:
        """Type a line and press Enter."""
        os.write(self._screen, f"{line}\n".encode())

    def answer(self, question: str, line: str) -> None:
        """Wait for the question, then type."""
        self.expect(f"{question}: ")
        self.type(line)

    def interrupt(self) -> int:
        """Press Ctrl-C; returns the exit code.

        As a person would, once more where nothing happens: Python misses the one that comes in the instant between
        showing the question and waiting for the answer.
        """
        for _ in range(3):
            os.write(self._screen, b"\x03")
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_PATIENCE_S / 6)
                break
        return self.end()

    def end(self) -> int:
        """Read until the program ends; returns its exit code."""
        while self._read():
            pass
        return self._process.wait(_PATIENCE_S)

    def _read(self) -> bool:
        if not select.select([self._screen], [], [], _PATIENCE_S)[0]:
            raise AssertionError(f"nothing came for {_PATIENCE_S} s; shown:\n{self.screen}")
        try:
            data = os.read(self._screen, 65536)
        except OSError:  # the program has closed its side
            return False
        self.screen += data.decode("utf-8", "replace").replace("\r\n", "\n")
        return bool(data)
