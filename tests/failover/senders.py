"""Eight people who write one line after the other, and record the answers, from outside."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.support.bot_api import BotApi

ANSWER_SECONDS = 180.0
"""Seconds after which a message counts as lost."""
PAUSE_SECONDS = 0.3
WORDS = ("amber", "birch", "coral", "dusk", "elm", "fern", "gale", "hazel", "iris", "juniper")


@dataclass
class Book:
    """Messages and answers. ``answered``: the times of all answers, on a monotonic clock."""

    said: list[str] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    answered: list[tuple[float, str]] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)

    @property
    def lost(self) -> list[str]:
        return [code for code in self.said if not self.answers[code]]

    @property
    def twice(self) -> list[str]:
        return [code for code, count in self.answers.items() if count > 1]


@dataclass
class Stop:
    """Once it is set, nobody writes another line."""

    asked: bool = False


def line(sender: str, number: int, choose: random.Random) -> tuple[str, str]:
    """Return a line, and the code in it that identifies its answer."""
    code = f"{sender}x{number}"
    return f"Remember that {choose.choice(WORDS)} {choose.choice(WORDS)} is {code}.", code


async def over_telegram(api: BotApi, book: Book, sender: int, stop: Stop) -> None:
    """Write to the bot; the answer is what was sent to this chat over the Bot API."""
    choose, number = random.Random(sender), 0
    while not stop.asked:
        number += 1
        text, code = line(f"t{sender}", number, choose)
        book.said.append(code)
        await api.direct(sender, text, name=f"Sender {sender}")
        deadline = time.monotonic() + ANSWER_SECONDS
        # The chat's state: drafts there are deleted or become the answer.
        while f"{code}." not in "".join(api.chat(sender)):
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(0.02)
        else:
            book.answered.append((time.monotonic(), f"t{sender}"))
        await asyncio.sleep(PAUSE_SECONDS * (0.5 + choose.random()))


def count_telegram(api: BotApi, book: Book, senders: list[int]) -> None:
    """Count the answers to each line in the final state of the chats."""
    for sender in senders:
        for text in api.chat(sender):
            book.answers.update(re.findall(rf"t{sender}x[0-9]+", text))


async def over_rest(servers: list[str], token: str, book: Book, sender: int, stop: Stop) -> None:
    """Call one of the servers; if it fails, the other one with the same key."""
    choose, number = random.Random(sender), 0
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(headers=headers, timeout=90, trust_env=False) as client:
        while not stop.asked:
            number += 1
            text, code = line(f"r{sender}", number, choose)
            book.said.append(code)
            body = {"sender": f"telegram:{sender}", "text": text}
            if await _ask(client, servers, body, code, book, choose):
                book.answered.append((time.monotonic(), f"r{sender}"))
            await asyncio.sleep(PAUSE_SECONDS * (0.5 + choose.random()))


async def _ask(
    client: httpx.AsyncClient,
    servers: list[str],
    body: dict[str, Any],
    code: str,
    book: Book,
    choose: random.Random,
) -> bool:
    deadline = time.monotonic() + ANSWER_SECONDS
    while time.monotonic() < deadline:
        server = choose.choice(servers)
        try:
            answer = await client.post(
                f"{server}/api/messages",
                params={"wait": 60},
                json=body,
                headers={"Idempotency-Key": code},
            )
        except httpx.HTTPError as error:
            book.refused[type(error).__name__] += 1
        else:
            if answer.status_code == 200 and code in (answer.json()["answer"] or ""):
                book.answers[code] += 1
                return True
            state = answer.json().get("state") if answer.status_code == 200 else None
            book.refused[f"{answer.status_code} {state or ''}".strip()] += 1
        await asyncio.sleep(0.25)
    return False
