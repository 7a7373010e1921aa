"""The stream under the logs: a full disk or a closed pipe costs log lines, and nothing else."""

from __future__ import annotations

from typing import TextIO


class UnfailingStream:
    """Writes to `stream` as long as that works; what it refuses is counted, and told as soon as it takes lines again.

    Without it the line that reports a full disk would be one more error, in the middle of dealing with the first.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._refused = 0

    def write(self, text: str) -> int:
        """The length of the text, written or not."""
        try:
            if self._refused:
                self._stream.write(f'{{"level":"warning","event":"the log was refused","writes":{self._refused}}}\n')
                self._stream.flush()
                self._refused = 0
            self._stream.write(text)
        except OSError:
            self._refused += 1
        return len(text)

    def flush(self) -> None:
        """Hand on what is buffered."""
        try:
            self._stream.flush()
        except OSError:
            self._refused += 1

    def isatty(self) -> bool:
        """Does a person look on?"""
        return self._stream.isatty()
