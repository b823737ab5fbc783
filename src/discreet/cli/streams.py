"""Make standard input, output, error and the command line work in any locale."""

from __future__ import annotations

import io
import os
import sys

DESCRIPTORS = {"stdin": 0, "stdout": 1, "stderr": 2}


def prepare_streams() -> None:
    r"""Let output take any character and arguments be UTF-8, and open missing streams.

    A character that the terminal's encoding lacks is written as an escape (``\u2713``) instead of
    aborting a list. A stream that was closed before the start reads and writes nothing.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= max(DESCRIPTORS.values()):
        pass  # otherwise a socket or a file would get the number of a closed stream
    os.close(descriptor)
    for name, number in DESCRIPTORS.items():
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    sys.argv = [_as_utf8(word) for word in sys.argv]


def _as_utf8(word: str) -> str:
    """Decode an argument that the locale could not decode; keep it if it isn't UTF-8 either."""
    if not any("\udc80" <= character <= "\udcff" for character in word):
        return word
    return os.fsencode(word).decode("utf-8", "surrogateescape")


def flush_output() -> OSError | None:
    """Flush buffered output. Return the error if nobody reads it, and drop the rest."""
    failed = None
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            failed = failed or error
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return failed
