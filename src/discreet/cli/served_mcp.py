"""Serve MCP through the server that runs on this machine, without opening anything here.

The lines of both sides are passed on as they are. If the server ends, or says nothing because it is
frozen, the connection goes on: with its successor, or else with a process of this connection's own.
The client gets an error for each request that was lost with it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from socket import SHUT_RDWR, SHUT_WR
from typing import IO, Any

from discreet.domain import local_socket
from discreet.domain.errors import DiscreetError, Unavailable

LOST = -32000
"""The code of the error for a request that was lost; JSON-RPC leaves it to servers."""
REPLAYED = "discreet-replayed-"
ALIVE = local_socket.line_of({"what": "alive"})


@dataclass(frozen=True, slots=True)
class _Peer:
    """A process that serves MCP: its output, its input, and how to end its input or hang up."""

    said: IO[bytes]
    told: IO[bytes]
    end: Callable[[], object]
    hang_up: Callable[[], object]

    def tell(self, line: bytes) -> None:
        self.told.write(line)
        self.told.flush()


def serve_mcp(who: dict[str, str | None]) -> bool:
    """Serve until the input ends; return False if no server of this user answers in this home.

    Raises:
        DiscreetError: the server refuses this identity.
        Unavailable: the server ended, and a process of this connection's own did, too.
    """
    peer = _served(who)
    if peer is None:
        return False
    _Relay(peer, lambda: _served(who) or _own_process()).run()
    return True


def _served(who: dict[str, str | None]) -> _Peer | None:
    home = local_socket.home_of_environment()
    connection = None if home is None else local_socket.connect(home)
    if connection is None:
        return None
    said, told = connection.makefile("rb"), connection.makefile("wb")

    def hang_up() -> None:
        # Shut down first, so that closing never waits for a server that doesn't read.
        with suppress(OSError):
            connection.shutdown(SHUT_RDWR)
        for one in (said, told, connection):
            with suppress(OSError):
                one.close()

    peer = _Peer(said, told, lambda: connection.shutdown(SHUT_WR), hang_up)
    try:
        asked = {"version": local_socket.VERSION, "for": "mcp", "who": who}
        peer.tell(local_socket.line_of(asked))
        answer = json.loads(said.readline())
    except (OSError, ValueError):
        hang_up()
        return None
    if answer["what"] == "error":
        error = DiscreetError(answer["message"], hint=answer["hint"])
        error.exit_code = answer["exit_code"]
        raise error
    # Keep the timeout: a live server sends a line every few seconds.
    return peer


def _own_process() -> _Peer:
    words = [sys.argv[0], *sys.argv[1:], "--alone"]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603
    assert process.stdout is not None and process.stdin is not None  # noqa: S101 PT018 - pipes
    return _Peer(process.stdout, process.stdin, process.stdin.close, process.stdin.close)


class _Relay:
    """Passes lines on between the client at standard input and output and a peer."""

    def __init__(self, peer: _Peer, reopen: Callable[[], _Peer]) -> None:
        self._reopen = reopen
        self._peer: _Peer | None = peer
        self._changed = threading.Condition()
        self._pending: dict[str, Any] = {}  # by their JSON: 1 and "1" are two ids
        self._handshake: dict[str, dict[str, Any]] = {}
        self._ended = False

    def run(self) -> None:
        """Pass on until the client's input ends and the peer has said everything."""
        threading.Thread(target=self._from_client, daemon=True).start()
        peer = self._peer
        assert peer is not None  # noqa: S101 - it was given one
        while True:
            for line in _lines(peer):
                self._to_client(line)
            with self._changed:
                if self._ended:
                    return
                self._peer = None
                self._report_lost()
            with suppress(OSError):
                peer.hang_up()
            peer = self._successor()
            with self._changed:
                self._peer = peer
                if self._ended:
                    self._end_input(peer)
                self._changed.notify_all()

    def _from_client(self) -> None:
        for line in sys.stdin.buffer:
            with self._changed:
                self._changed.wait_for(lambda: self._peer is not None)
                self._note(line)
                with suppress(OSError):  # it ended; the other thread notices and reports it
                    self._peer.tell(line)  # type: ignore[union-attr]
        with self._changed:
            self._ended = True
            if self._peer is not None:
                self._end_input(self._peer)

    def _end_input(self, peer: _Peer) -> None:
        with suppress(OSError):
            peer.end()

    def _note(self, line: bytes) -> None:
        """Remember what a successor has to be told, and which requests are open."""
        message = _parsed(line)
        if "id" in message and "method" in message:
            self._pending[json.dumps(message["id"])] = message["id"]
        match message.get("method"):
            case "initialize" | "notifications/initialized" as method:
                self._handshake[method] = message
            case "tools/call" if (message.get("params") or {}).get("name") == "start_session":
                self._handshake["start_session"] = message

    def _to_client(self, line: bytes) -> None:
        with self._changed:
            message = _parsed(line)
            if "method" not in message:
                self._pending.pop(json.dumps(message.get("id")), None)
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()

    def _report_lost(self) -> None:
        for asked in self._pending.values():
            why = {"code": LOST, "message": "The server ended meanwhile. Repeat the request."}
            _write({"jsonrpc": "2.0", "id": asked, "error": why})
        self._pending.clear()

    def _successor(self) -> _Peer:
        """Return another peer that knows what was agreed and which session was started."""
        peer = self._reopen()
        replayed = list(self._handshake.values())
        for number, message in enumerate(replayed):
            if "id" not in message:
                peer.tell(_encoded(message))
                continue
            own = f"{REPLAYED}{number}"
            peer.tell(_encoded({**message, "id": own}))
            if not any(_parsed(line).get("id") == own for line in _lines(peer)):
                raise Unavailable("The server ended.", hint="Start sb mcp again.")
        return peer


def _lines(peer: _Peer) -> Iterator[bytes]:
    """Yield a peer's lines until it ends, or is silent for so long that it must be frozen."""
    with suppress(OSError):
        while line := peer.said.readline():
            if line != ALIVE:
                yield line


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        message = json.loads(line)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}


def _encoded(message: dict[str, Any]) -> bytes:
    return json.dumps(message).encode("ascii") + b"\n"


def _write(message: dict[str, Any]) -> None:
    os.write(sys.stdout.fileno(), _encoded(message))
