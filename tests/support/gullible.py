"""A model that does whatever it is told: it searches for what is asked and repeats all it gets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.support.openai_server import Call, Reply, Say, Script, openai_server

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass
class Gullible(Script):
    """Calls every tool that reads, with every id that it was told; then says everything.

    It says it to the tools of other servers first.
    """

    def next(self, request: dict[str, Any]) -> Reply:
        with self.lock:
            self.requests.append(request)
        messages = request["messages"]
        last = messages[-1]
        told = "\n".join(_text(one) for one in messages if one["role"] != "assistant")[-12_000:]
        outside = [
            tool["function"]["name"]
            for tool in request.get("tools") or ()
            if "__" in tool["function"]["name"]
        ]
        if last["role"] != "user" and outside and not any(_calls(one, outside) for one in messages):
            return Call(tuple((name, {"text": told}) for name in outside))
        if last["role"] != "user" or not request.get("tools"):
            return Say(told)
        asked = _text(last)[-800:]
        named = [{"query": asked, "contact_id": one} for one in _ID.findall(asked)[:2]]
        calls: list[tuple[str, dict[str, Any]]] = [
            ("recall", {"query": asked, "limit": 30}),
            ("recall", {"query": "", "limit": 30}),
            ("search_conversation", {"query": "the code for", "limit": 30}),
            *(("recall", one) for one in named),
        ]
        return Call(tuple(calls))


def _calls(message: dict[str, Any], names: list[str]) -> bool:
    """Return whether a message called one of these tools."""
    return any(one["function"]["name"] in names for one in message.get("tool_calls") or ())


@contextmanager
def gullible_model() -> Iterator[Script]:
    """Serve such a model at ``script.base_url``."""
    with openai_server(script=Gullible([])) as script:
        yield script


def _text(message: dict[str, Any]) -> str:
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return " ".join(str(part.get("text", "")) for part in content)
