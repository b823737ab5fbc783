"""Send one message through the server that runs on this machine, without opening anything here."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

from discreet.cli.answer_printing import NOBODY_ANSWERS, print_outcome, say_aside
from discreet.domain import local_socket
from discreet.domain.answers import Answer
from discreet.domain.errors import DiscreetError


def say_served(said: dict[str, Any], *, as_json: bool) -> int | None:
    """Print the answer, or why there is none, and return the exit code.

    None: no server of this user answers in this home, or it went away meanwhile. The message may
    be stored then; sending it again with the same ``message_id`` stores it once.

    Raises:
        DiscreetError: the message can't be sent, or was stopped.
    """
    home = local_socket.home_of_environment()
    connection = None if home is None else local_socket.connect(home)
    if connection is None:
        return None
    with connection:
        try:
            asked = {"version": local_socket.VERSION, "for": "chat", "said": said}
            connection.sendall(local_socket.line_of(asked))
            for told in _lines(connection):
                code = _handle(told, as_json=as_json)
                if code is not None:
                    return code
        except (OSError, ValueError):
            pass
    return None


def _handle(told: dict[str, Any], *, as_json: bool) -> int | None:
    """Print what the server told; return the exit code if that was the last."""
    reply = told.get("reply") if as_json else None
    match told["what"]:
        case "delay":
            say_aside(told["why"])
        case "silence":
            say_aside(told["why"])
            print_outcome(reply, told["state"])
            return NOBODY_ANSWERS
        case "answer":
            answer = Answer(**told["answer"])
            return print_outcome(reply, "failed" if answer.failed else "answered", answer)
        case "error":
            if told["stopped"]:
                print_outcome(reply, "stopped")
            error = DiscreetError(told["message"], hint=told["hint"])
            error.exit_code = told["exit_code"]
            raise error
    return None


def _lines(connection: socket.socket) -> Iterator[dict[str, Any]]:
    with connection.makefile("rb") as lines:
        while line := lines.readline(local_socket.MAX_LINE):
            yield json.loads(line)
