"""An MCP server that sends and uses too much. It speaks the protocol by itself, as no library would
send such things.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

KIBI = 1024
TEXT = {"type": "text", "text": "done"}
asked_for_tools = 0


def send(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def answer(number: int, text: str = "done") -> None:
    send({"id": number, "result": {"content": [{"type": "text", "text": text}]}})


def endless_line(_: int) -> None:
    while True:
        sys.stdout.write("x" * KIBI**2)


def many_errors(number: int) -> None:
    for _ in range(64):
        sys.stderr.write("e" * KIBI**2)
    answer(number)


def endless_progress(_: int) -> None:
    while True:
        send({"method": "notifications/progress", "params": {"progressToken": 1, "progress": 1}})


def many_changes(number: int) -> None:
    for _ in range(2_000):
        send({"method": "notifications/tools/list_changed"})
    answer(number)


def deep_text(number: int) -> None:
    answer(number, "[" * 100_000)


def deep_message(number: int) -> None:
    deep = '{"a":' * 2_000 + "1" + "}" * 2_000
    found = f'{{"content": [], "structuredContent": {deep}}}'
    sys.stdout.write(f'{{"jsonrpc": "2.0", "id": {number}, "result": {found}}}\n')
    sys.stdout.flush()


def many_processes(_: int) -> None:
    for _one in range(40):
        if os.fork() == 0:
            signal.pause()
    signal.pause()


def much_memory(_: int) -> None:
    held = bytearray(os.urandom(KIBI) * KIBI * 64)
    signal.pause()
    del held


def full_folder(_: int) -> None:
    for number in range(64):
        Path(f"file{number}").write_bytes(b"x" * KIBI**2)
    signal.pause()


TOOLS: dict[str, Callable[[int], None]] = {
    one.__name__: one
    for one in (
        endless_line, many_errors, endless_progress, many_changes, deep_text, deep_message,
        many_processes, much_memory, full_folder, answer,
    )
}  # fmt: skip


def tools_page() -> dict[str, Any]:
    """Return one of endlessly many empty pages, where the command asks for that."""
    if "pages" in sys.argv:
        return {"tools": [], "nextCursor": os.urandom(8).hex()}
    if "tools" in sys.argv:
        many = [{"name": f"t{n}", "inputSchema": {"type": "object"}} for n in range(3_000)]
        return {"tools": many}
    if "name" in sys.argv:
        return {"tools": [{"name": "n" * 100_000, "inputSchema": {"type": "object"}}]}
    return {"tools": []}


def main() -> None:
    for line in sys.stdin:
        message = json.loads(line)
        number, params = message.get("id"), message.get("params", {})
        match message.get("method"):
            case "initialize":
                info = {"name": "flooding", "version": "1"}
                version = params["protocolVersion"]
                found = {"protocolVersion": version, "capabilities": {"tools": {}}}
                send({"id": number, "result": {**found, "serverInfo": info}})
            case "tools/list":
                send({"id": number, "result": tools_page()})
            case "tools/call":
                TOOLS[params["name"]](number)
            case _ if number is not None:
                send({"id": number, "error": {"code": -32601, "message": "no such method"}})


if __name__ == "__main__":
    main()
