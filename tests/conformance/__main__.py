"""``scripts/conformance``: the published conformance suite and the MCP Inspector's command line.

They run against ``sb serve`` and ``sb mcp``.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any

from tests.conformance import node
from tests.conformance.served import SB, Served, served, showing

ALICE, BOB = "telegram:1001", "telegram:1002"
HERON = "the heron is in the bath"
OWNERS = {"list_contacts", "resolve_contact"}


def main() -> int:
    """Return 0 if everything applicable passes."""
    node.install()
    with served() as there:
        failed = asyncio.run(_suite(there)) + _inspector(there)
    for name in failed:
        print(f"FAILED: {name}")
    return bool(failed)


async def _suite(there: Served) -> list[str]:
    token = there.sb("tokens", "create", "--owner")
    baseline = str(node.HERE / "expected-failures.yml")
    async with showing(token, there.url) as url:
        words = ["server", "--url", url, "--suite", "all", "--expected-failures", baseline]
        done = await asyncio.to_thread(node.run, "conformance", words)
    print(done.stdout[done.stdout.rfind("=== SUMMARY") :], done.stderr)
    return [] if done.returncode == 0 else ["conformance suite"]


def _inspector(there: Served) -> list[str]:
    for who in (ALICE, BOB):
        there.sb("chat", "--sender", who, "--message", "hi")
    over_http = {
        name: [there.url, "--transport", "http", "--header", f"Authorization: Bearer {token}"]
        for name, token in (
            ("owner", there.sb("tokens", "create", "--owner")),
            ("alice", there.sb("tokens", "create", "--contact", ALICE)),
            ("bob", there.sb("tokens", "create", "--contact", BOB)),
        )
    }
    owner, alice, bob = over_http.values()
    over_stdio = [SB, "mcp", "--sender", ALICE, "-e", f"DISCREET_HOME={there.home}"]
    cases: dict[str, tuple[list[str], Callable[[Any], bool]]] = {
        "the owner's tools": ([*owner, *TOOLS], lambda shown: _names(shown) >= OWNERS),
        "a contact's tools": ([*alice, *TOOLS], _of_contact),
        "a contact's tools over stdio": ([*over_stdio, *TOOLS], _of_contact),
        "a contact's prompts": ([*alice, "--method", "prompts/list"], bool),
        "what was kept over stdio": ([*over_stdio, *_call("remember", content=HERON)], _has_heron),
        "is found over HTTP": ([*alice, *_call("recall", query="heron")], _has_heron),
        "and by nobody else": (
            [*bob, *_call("recall", query="heron")],
            lambda shown: bool(shown) and not _has_heron(shown),
        ),
        "the owner's tools are unknown to a contact": (
            [*bob, *_call("list_contacts")],
            _is_refused,
        ),
        "an argument that would widen": (
            [*bob, *_call("recall", query="heron", sender=ALICE)],
            _is_refused,
        ),
        "no token": ([there.url, "--transport", "http", *TOOLS], _is_refused),
    }
    failed = []
    for name, (words, is_right) in cases.items():
        done = node.run("mcp-inspector", ["--cli", *words])
        right = is_right(json.loads(done.stdout) if done.returncode == 0 else None)
        print(f"{'✓' if right else '✗'} Inspector: {name}")
        if not right:
            failed.append(f"Inspector: {name}\n{done.stdout}{done.stderr}")
    return failed


TOOLS = ["--method", "tools/list", "--strict"]


def _call(tool: str, **given: str) -> list[str]:
    pairs = [word for name, value in given.items() for word in ("--tool-arg", f"{name}={value}")]
    return ["--method", "tools/call", "--tool-name", tool, *pairs]


def _has_heron(shown: Any) -> bool:
    return HERON in json.dumps(shown)


def _is_refused(shown: Any) -> bool:
    return shown is None


def _of_contact(shown: Any) -> bool:
    return bool(_names(shown)) and _names(shown).isdisjoint(OWNERS)


def _names(answer: Any) -> set[str]:
    return {tool["name"] for tool in (answer or {"tools": []})["tools"]}


if __name__ == "__main__":
    sys.exit(main())
