"""An existing bot with Discreet behind it: each sender gets a session and a memory of
their own. Needs DISCREET_SERVER and an agent's token (sb tokens create --agent NAME) in
DISCREET_TOKEN. Instead of a platform it reads lines `sender: text` from standard input."""

import asyncio
import os
import sys

from discreet.client import Client


async def on_message(discreet: Client, sender: str, text: str) -> None:
    reply = await discreet.say(text, sender=f"web:{sender}")
    print(f"to {sender}: {reply.answer}", flush=True)


async def main() -> None:
    async with Client(os.environ["DISCREET_SERVER"], os.environ["DISCREET_TOKEN"]) as discreet:
        for line in sys.stdin:
            sender, _, text = line.partition(":")
            await on_message(discreet, sender.strip(), text.strip())


asyncio.run(main())
