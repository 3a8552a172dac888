"""The edge where errors become one clear line and an exit code; the only place that catches everything."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from typer.exceptions import Abort, Exit, TyperException

from artifacts.errors import WorldloomError
from tasks.job.recognition import recognized

R = TypeVar("R")

OK, FAILED, USAGE, REJECTED, SPENT, INTERRUPTED = 0, 1, 2, 3, 4, 130
"""All is well; we or the model's service failed; the input cannot be used; some drafts were rejected; the budget is spent; Ctrl-C."""

MAX_LINE = 600


def guarded(command: Callable[[], int | None]) -> int:
    """The command's exit code; every error is told in one line, with a hint, on standard error."""
    try:
        return command() or OK
    except WorldloomError as error:
        return complain(error.message, error.hint, error.exit_code)
    except Exit as end:
        return end.exit_code
    except TyperException as error:
        words = getattr(getattr(error, "ctx", None), "command_path", "worldloom")
        return complain(error.format_message(), f"Try `{words} --help`.", error.exit_code)
    except (KeyboardInterrupt, Abort):
        return complain("Interrupted.", "", INTERRUPTED)
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except Exception as error:  # noqa: BLE001 (the boundary: nothing may reach the user as a traceback)
        known = recognized(error)
        if known is not None:
            return complain(known.message, known.hint, known.exit_code)
        return complain(f"Something failed inside Worldloom: {type(error).__name__}: {error}", f"Details are in {keep_details()}.", FAILED)


def attempted(call: Callable[[], R]) -> tuple[R | None, Exception | None]:
    """What a call gives, or what it raises: for a flow, whose end has to say whose fault it is."""
    try:
        return call(), None
    except Exception as error:  # noqa: BLE001 (a boundary too: that of a flow run, which has to end in a state with a name)
        return None, error


def complain(message: str, hint: str, code: int) -> int:
    """Print one line and a hint on standard error, and give the exit code back."""
    if not message:  # help was printed in place of a message
        return code
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"[bold red]error:[/] {_plain(message)}" + (f"\n[dim]hint:[/] {_plain(hint)}" if hint else ""))
    return code


def keep_details() -> Path:
    """Write the traceback of the error in hand to a file of its own."""
    descriptor, name = tempfile.mkstemp(prefix="worldloom-", suffix=".log")
    with os.fdopen(descriptor, "w") as file:
        file.write(traceback.format_exc())
    return Path(name)


def _plain(text: str) -> str:
    line = " ".join(text.split())
    printable = "".join(character if character.isprintable() else "?" for character in line[:MAX_LINE])
    return (printable + ("…" if len(line) > MAX_LINE else "")).replace("[", "\\[")
