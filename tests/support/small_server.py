"""Chat-completions servers with a small context, which reject long prompts like common servers.

Each counts tokens in its own way, independently of ours.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

Kind = Literal["openai", "anthropic", "vllm", "llama.cpp", "llama-cpp-python", "ollama"]
_TOKEN = re.compile(r"\w{1,5}|[^\w\s]")
MESSAGE_TOKENS = 4


@dataclass
class SmallServer:
    """A server of a model with ``context`` tokens.

    ``seen``: the messages that it read of each answered request; ``refused``: the number of
    rejected ones.
    """

    kind: Kind
    context: int
    base_url: str = ""
    seen: list[list[dict[str, Any]]] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    refused: int = 0


def count(value: Any) -> int:
    """Count tokens as this server does: pieces of up to five letters."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return len(_TOKEN.findall(text))


def refusal(kind: Kind, sent: int, answer: int, context: int) -> tuple[int, dict[str, Any]]:
    """Return the status and body with which a server of this kind rejects a request."""
    longest = f"This model's maximum context length is {context} tokens. However, "
    error: dict[str, Any]
    match kind:
        case "openai":
            error = {
                "message": f"{longest}your messages resulted in {sent} tokens. Please reduce the"
                " length of the messages.",
                "type": "invalid_request_error",
                "param": "messages",
                "code": "context_length_exceeded",
            }
        case "vllm":
            return 400, {
                "object": "error",
                "message": f"{longest}you requested {sent + answer} tokens ({sent} in the messages,"
                f" {answer} in the completion). Please reduce the length of the messages or"
                " completion.",
                "type": "BadRequestError",
                "param": None,
                "code": 400,
            }
        case "anthropic":
            error = {
                "message": f"prompt is too long: {sent} tokens > {context} maximum",
                "type": "invalid_request_error",
            }
        case _:
            error = {
                "code": 400,
                "message": f"request ({sent} tokens) exceeds the available context size ({context}"
                " tokens), try increasing it",
                "type": "exceed_context_size_error",
                "n_prompt_tokens": sent,
                "n_ctx": context,
            }
    return 400, {"error": error}


@contextmanager
def small_server(kind: Kind, context: int) -> Iterator[SmallServer]:
    """Serve until the block ends; the answers contain the number of messages read."""
    made = SmallServer(kind, context)
    handler = type("Handler", (_Handler,), {"made": made})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    made.base_url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    made: SmallServer
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing, to keep the test's output clean."""

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        made = self.made
        made.requests.append(request)
        messages = request["messages"]
        fixed = count(request.get("tools") or "")
        answer = request.get("max_tokens") or request.get("max_completion_tokens") or 0
        sent = fixed + _size(messages)
        needed = sent if made.kind in ("anthropic", "ollama") else sent + answer
        if needed <= made.context:
            made.seen.append(messages)
            self._stream(_answer(messages), sent)
        elif made.kind == "ollama":
            read = _truncated(messages, made.context - fixed)
            made.seen.append(read)
            self._stream(_answer(read), min(fixed + _size(read), made.context))
        elif made.kind == "llama-cpp-python":
            made.refused += 1
            self._stream([], None)
        else:
            made.refused += 1
            self._refuse(sent, answer)

    def _refuse(self, sent: int, answer: int) -> None:
        status, error = refusal(self.made.kind, sent, answer, self.made.context)
        body = json.dumps(error).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, pieces: list[str], read: int | None) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.close_connection = True
        chunks = [_chunk({"content": piece}) for piece in pieces]
        if pieces:
            chunks.append(_chunk({}, "stop"))
        if read is not None:
            usage = {"prompt_tokens": read, "completion_tokens": 3, "total_tokens": read + 3}
            chunks.append({**_chunk({}), "choices": [], "usage": usage})
        for chunk in chunks:
            self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        if pieces:
            self.wfile.write(b"data: [DONE]\n\n")


def _size(messages: list[dict[str, Any]]) -> int:
    return sum(count(message.get("content") or "") + MESSAGE_TOKENS for message in messages)


def _truncated(messages: list[dict[str, Any]], room: int) -> list[dict[str, Any]]:
    """Return the system text and the newest messages that fit, like Ollama."""
    system, rest = messages[:1], messages[1:]
    while len(rest) > 1 and _size(system + rest) > room:
        rest = rest[1:]
    return system + rest


def _answer(messages: list[dict[str, Any]]) -> list[str]:
    last = str(messages[-1]["content"])
    return ["I ", "read ", f"{len(messages)} ", f"messages, the last of {len(last)} characters."]


def _chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    head = {"id": "chatcmpl-1", "created": 1, "model": "small", "object": "chat.completion.chunk"}
    return {**head, "choices": [choice]}
