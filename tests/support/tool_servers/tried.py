"""A conversation with each reference server of MCP; see scripts/try-tool-servers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.openai_server import Call, Say, openai_server
from tests.support.tool_servers.tried_accounts import try_accounts

SB = str(Path(sys.executable).parent / "sb")


@dataclass(frozen=True)
class Tried:
    """A server, a call, and a part of what must come back."""

    name: str
    command: str
    tool: str
    arguments: Mapping[str, Any]
    expected: str
    options: tuple[str, ...] = field(default=())


def main() -> None:
    folder, node = Path(sys.argv[1]), sys.argv[2]
    home = Path(tempfile.mkdtemp())
    failed = 0
    try:
        for one in _servers(folder, node, _repository(folder)):
            worked = _try(one, home)
            failed += not worked
        failed += not _memory_is_told_to_the_next(folder, node, home)
        failed += not try_accounts(folder / "venv/bin/python")
    finally:
        shutil.rmtree(home, ignore_errors=True)
    print(f"{failed} of 8 trials failed." if failed else "All 8 trials worked.")
    raise SystemExit(bool(failed))


def _servers(folder: Path, node: str, repository: Path) -> list[Tried]:
    scripts = folder / "node_modules/@modelcontextprotocol"
    programs = folder / "venv/bin"
    (folder / "shared").mkdir(exist_ok=True)
    (folder / "shared/menu.txt").write_text("soup of the day: leek")
    read = ("--read", str(folder / "shared"))
    return [
        Tried("everything", f"{node} {scripts}/server-everything/dist/index.js", "echo",
              {"message": "hello"}, "hello"),
        Tried("filesystem",
              f"{node} {scripts}/server-filesystem/dist/index.js {folder / 'shared'}",
              "read_text_file", {"path": str(folder / "shared/menu.txt")}, "leek", read),
        Tried("time", f"{programs}/mcp-server-time", "get_current_time",
              {"timezone": "Europe/Vienna"}, "Europe/Vienna"),
        Tried("git", f"{programs}/mcp-server-git", "git_log",
              {"repo_path": str(repository), "max_count": 1}, "first", ("--read", str(repository))),
        Tried("fetch", f"{programs}/mcp-server-fetch", "fetch",
              {"url": "http://127.0.0.1:1/"}, "Refused to fetch"),
    ]  # fmt: skip


def _repository(folder: Path) -> Path:
    path = folder / "repository"
    if not path.exists():
        who = ["-c", "user.name=Ann", "-c", "user.email=ann@example.org"]
        subprocess.run(["git", "init", "-q", path], check=True)
        subprocess.run(
            ["git", "-C", path, *who, "commit", "-q", "--allow-empty", "-m", "first"], check=True
        )
    return path


def _try(one: Tried, home: Path, *, sender: str = "telegram:1", shared: bool = False) -> bool:
    more = ["--shared"] if shared else []
    _sb(home, "agents", "create", one.name, check=False)
    added = _sb(home, "agents", "tools", "add", one.name, one.name, "--command", one.command,
                *one.options, *more, check=False)  # fmt: skip
    if added.returncode:
        print(f"{one.name}: not added: {added.stderr.strip()}")
        return False
    _sb(home, "agents", "tools", "allow", one.name, one.name, "--to", "everybody",
        "--confirm", "never")  # fmt: skip
    came = _call(home, one, sender)
    print(f"{one.name}: {one.tool} returned: {came[:160]!r}")
    return one.expected in came


def _call(home: Path, one: Tried, sender: str) -> str:
    call = Call(((f"{one.name}__{one.tool}", one.arguments),))
    with openai_server(call, Say("There.")) as script:
        _sb(home, "chat", "--agent", one.name, "--sender", sender, "--message", "Go on",
            base_url=script.base_url)  # fmt: skip
    results = [m["content"] for m in script.requests[-1]["messages"] if m["role"] == "tool"]
    return str(results[0]) if results else "(no result)"


def _memory_is_told_to_the_next(folder: Path, node: str, home: Path) -> bool:
    """Let one contact tell a shared memory something, and another read it, with one server."""
    script = folder / "node_modules/@modelcontextprotocol/server-memory/dist/index.js"
    told = {"entities": [{"name": "Ann", "entityType": "person", "observations": ["likes leek"]}]}
    write = Tried("memory", f"{node} {script}", "create_entities", told, "leek",
                  ("--trust", "--env", f"MEMORY_FILE_PATH@{_path_of_notes(folder)}"))  # fmt: skip
    if not _try(write, home, shared=True):
        return False
    read = Tried("memory", "", "read_graph", {}, "leek")
    _sb(home, "status", check=False)
    came = _call(home, read, "telegram:2")
    print(f"memory, shared and trusted, asked by another contact: {came[:160]!r}")
    return "leek" in came


def _path_of_notes(folder: Path) -> Path:
    """Return a file that names where the notes go. The server can't keep them in its own folder."""
    path, notes = folder / "notes-path", folder / "notes.json"
    notes.unlink(missing_ok=True)
    path.write_text(str(notes))
    return path


def _sb(
    home: Path, *words: str, base_url: str = "", check: bool = True
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DISCREET_HOME": str(home), "DISCREET_MODEL": "scripted"}
    if base_url:
        environment["DISCREET_MODEL_BASE_URL"] = base_url
    return subprocess.run([SB, *words], env=environment, capture_output=True, text=True,
                          check=check, timeout=300)  # fmt: skip


if __name__ == "__main__":
    main()
