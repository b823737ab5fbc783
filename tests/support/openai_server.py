"""A chat-completions server on loopback with scripted replies, which records its requests.

It implements the parts of the OpenAI protocol that a client needs: streamed and whole answers, tool
calls, and the ways in which a provider fails.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True)
class Say:
    """An answer; ``finish`` is the protocol's finish_reason.

    ``pause``: seconds before each word of a streamed one; ``hangs_after``: stop after this many
    words.
    """

    text: str
    finish: str = "stop"
    pause: float = 0.0
    hangs_after: int | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """Tool calls: name and arguments (a mapping, or a raw string that may be invalid JSON).

    ``text``: what the model says beside them.
    """

    calls: tuple[tuple[str, Mapping[str, Any] | str], ...]
    text: str = ""


@dataclass(frozen=True, slots=True)
class Fail:
    """An HTTP error whose body repeats the request, as some providers' do.

    ``retry_after``: the seconds in its header.
    """

    status: int = 500
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Hang:
    """No response until the server closes, or for that many seconds."""

    seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Garbage:
    """Status 200 with an invalid body."""

    body: bytes = b"<html>It works!</html>"
    kind: str = "text/html"


@dataclass(frozen=True, slots=True)
class Cut:
    """The connection ends in the middle of a streamed answer.

    ``orderly``: as at its end, which is how some proxies pass it on.
    """

    text: str = "This answer will never"
    orderly: bool = False


@dataclass(frozen=True, slots=True)
class Stumble:
    """An error in the middle of a good stream; it repeats the request."""


@dataclass(frozen=True, slots=True)
class Chunks:
    """A streamed answer in these chunks of text.

    ``reasoning`` comes before it, in the field ``name``; ``usage``: the server's report at the end,
    if any.
    """

    texts: tuple[str, ...]
    reasoning: str = ""
    name: str = "reasoning_content"
    finish: str = "stop"
    usage: Mapping[str, Any] | None = None


Reply = Say | Call | Fail | Hang | Garbage | Cut | Stumble | Chunks


@dataclass
class Script:
    """The server's replies, one per request; the last one repeats."""

    replies: list[Reply]
    requests: list[dict[str, Any]] = field(default_factory=list)
    base_url: str = ""
    closing: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next(self, request: dict[str, Any]) -> Reply:
        with self.lock:
            self.requests.append(request)
            return self.replies[min(len(self.requests), len(self.replies)) - 1]


@contextmanager
def openai_server(*replies: Reply, script: Script | None = None) -> Iterator[Script]:
    """Serve the replies, in order, at ``script.base_url`` until the block ends.

    ``script``: another one, which decides by the request.
    """
    script = script or Script(list(replies))
    handler = type("Handler", (_Handler,), {"script": script})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    script.base_url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield script
    finally:
        script.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    script: Script
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing, to keep the test's output clean."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        request = json.loads(body)
        reply = self.script.next(request)
        match reply:
            case Fail(status, retry_after):
                text = json.dumps({"error": {"message": body.decode()}}).encode()
                self._send(status, text, retry_after=retry_after)
            case Chunks():
                self._stream(_chunks_of(reply), whole=True)
            case Garbage(content, kind):
                self._send(200, content, kind)
            case Hang(seconds):
                self.script.closing.wait(seconds)
                self.close_connection = True
            case Cut(text, orderly):
                self._stream([_chunk({"role": "assistant", "content": text})], whole=False)
                if orderly:
                    self.wfile.write(b"0\r\n\r\n")
            case Stumble():
                error = {"error": {"message": body.decode(), "code": 500}}
                self._stream([_chunk({"content": "Well"}), error], whole=True)
            case Say() | Call():
                if request.get("stream"):
                    self._stream(_chunks(reply), whole=True, reply=reply)
                else:
                    self._send(200, json.dumps(_whole(reply)).encode())

    def _send(
        self,
        status: int,
        body: bytes,
        kind: str = "application/json",
        retry_after: float | None = None,
    ) -> None:
        self.send_response(status)
        if retry_after is not None:
            self.send_header("Retry-After", f"{retry_after:g}")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(
        self, chunks: list[dict[str, Any]], *, whole: bool, reply: Say | Call | None = None
    ) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        events = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
        for number, event in enumerate([*events, "data: [DONE]\n\n"] if whole else events):
            if isinstance(reply, Say):
                hangs = number == reply.hangs_after
                if self.script.closing.wait(60.0 if hangs else reply.pause):
                    return
            data = event.encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()
        if whole:
            self.wfile.write(b"0\r\n\r\n")
        else:
            self.close_connection = True


_USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
_HEAD = {"id": "chatcmpl-1", "created": 1, "model": "scripted"}


def _message(reply: Say | Call) -> tuple[dict[str, Any], str]:
    if isinstance(reply, Say):
        return {"role": "assistant", "content": reply.text}, reply.finish
    calls = [
        {
            "id": f"call_{time.monotonic_ns()}_{index}",
            "index": index,
            "type": "function",
            "function": {
                "name": name,
                "arguments": given if isinstance(given, str) else json.dumps(given),
            },
        }
        for index, (name, given) in enumerate(reply.calls)
    ]
    return {"role": "assistant", "content": reply.text or None, "tool_calls": calls}, "tool_calls"


def _whole(reply: Say | Call) -> dict[str, Any]:
    message, finish = _message(reply)
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return {**_HEAD, "object": "chat.completion", "choices": [choice], "usage": _USAGE}


def _chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {**_HEAD, "object": "chat.completion.chunk", "choices": [choice]}


def _chunks_of(reply: Chunks) -> list[dict[str, Any]]:
    thoughts = [_chunk({reply.name: piece}) for piece in reply.reasoning]
    said = [_chunk({"content": piece}) for piece in reply.texts]
    ending = [] if reply.usage is None else [{**_chunk({}), "choices": [], "usage": reply.usage}]
    return [*thoughts, *said, _chunk({}, reply.finish), *ending]


def _chunks(reply: Say | Call) -> list[dict[str, Any]]:
    message, finish = _message(reply)
    if isinstance(reply, Say):
        words = reply.text.split(" ")
        pieces = [" " * (place > 0) + word for place, word in enumerate(words)]
        chunks = [_chunk({"role": "assistant", "content": piece}) for piece in pieces]
    else:
        chunks = [_chunk(message)]
    ending = {**_chunk({}), "choices": [], "usage": _USAGE}
    return [*chunks, _chunk({}, finish), ending]
