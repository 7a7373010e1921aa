"""How a process of ours ends: whatever a command does becomes an exit code, never a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import rich_click as click


def exit_code(command: click.Command, words: Sequence[str], name: str, failed: Callable[[BaseException], int]) -> int:
    """Run a command line; `failed` tells the person what went wrong and returns the code for it."""
    try:
        code: Any = command.main(list(words), prog_name=name, standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        return _seen_enough()
    except SystemExit as stop:
        if isinstance(stop.__context__, BrokenPipeError):  # click's word for it
            return _seen_enough()
        return stop.code if isinstance(stop.code, int) else int(bool(stop.code))
    except BaseException as error:  # noqa: BLE001 - the end of the line: everything becomes a message and a code
        return int(failed(error))
    return code if isinstance(code, int) else 0


def _seen_enough() -> int:
    """The reader (`head`, say) has gone; keep Python from failing once more at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
