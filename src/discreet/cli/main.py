"""The command ``sb``. A command imports what it needs when it runs."""

from __future__ import annotations

import errno
import os
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated

import typer

from discreet.cli import version
from discreet.cli.command_group import CommandGroup
from discreet.cli.notice import INTERRUPTED
from discreet.cli.streams import flush_output, prepare_streams
from discreet.domain.errors import DiscreetError

MAX_LINE = 2_000
"""Characters of an error that may quote what was typed; its beginning and its end are kept."""
NOT_WRITTEN = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""Errors of a write that has no room or no working device."""

app = typer.Typer(
    cls=CommandGroup,
    help="One AI agent, many people, every one of them private.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def options(
    show_version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=version.print_and_exit,
                     is_eager=True),
    ] = False,
) -> None:  # fmt: skip
    """One AI agent, many people, every one of them private."""


def run() -> None:
    """Run ``sb``. Exit codes: 0 success, 1 failure, 2 usage error, 130 interrupted."""
    os.environ.setdefault("PYDANTIC_AI_NO_BANNER", "1")  # it would print an advertisement
    if not os.environ.get("DISCREET_DEBUG"):
        warnings.simplefilter("ignore")  # users can't act on a library's warnings
    prepare_streams()
    code = exit_code_of(app)
    failed = flush_output()
    if failed is not None and not isinstance(failed, BrokenPipeError):
        _say(f"The output can't be written: {failed.strerror}.")
    sys.exit(code or int(failed is not None))


def exit_code_of(work: Callable[[], object]) -> int:
    """Do the work, report its errors, and return the exit code."""
    try:
        work()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except DiscreetError as error:
        _say(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return 1  # the reader is gone (`sb memories list | head`), so there is nobody to tell
    except OSError as error:
        if error.errno not in NOT_WRITTEN or error.filename is not None:
            return _unexpected(error)
        _say(f"The output can't be written: {error.strerror}.")
        return 1
    except Exception as error:
        return _unexpected(error)
    return 0


def _unexpected(error: Exception) -> int:
    if os.environ.get("DISCREET_DEBUG"):
        raise error
    from discreet.cli.error_log import write_down

    _say(f"Unexpected error: {type(error).__name__}. {write_down(error)}")
    return 1


def _say(line: str) -> None:
    from discreet.domain.text import terminal_text

    words = " ".join(terminal_text(line).split())
    shown = (
        words if len(words) <= MAX_LINE else f"{words[: MAX_LINE // 2]} … {words[-MAX_LINE // 2 :]}"
    )
    with suppress(OSError):  # nobody reads it
        print(f"sb: {shown}", file=sys.stderr, flush=True)
