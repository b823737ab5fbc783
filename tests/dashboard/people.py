"""Made-up people for tests and screenshots of the dashboard."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import zip_longest
from uuid import UUID

from discreet.domain.ids import ChannelId, ContactId
from discreet.schemas.memories import Remember
from discreet.schemas.references import TextToPublish
from discreet.services import contacts, memories, takeover
from discreet.services.references import ReferenceChange, change_references, read_texts
from discreet.turn.context import TurnContext
from discreet.turn.prompt import Prompt
from discreet.turn.result import Step, TurnResult, Usage
from discreet.turn.think import OnText, Tools
from tests.support.platform import Platform
from tests.support.responders import Think
from tests.support.turns import one_turn
from tests.support.world import World

CHANNELS = {"telegram": "linden_cafe_bot", "whatsapp": "+44 20 7946 0958", "discord": "linden"}
PRICES = TextToPublish(title="prices", text="# Rooms\n\nA room costs 80 euros. Children pay half.")


def saying(answer: str) -> Think:
    """Return a mind that looks something up, and answers this."""

    async def think(context: TurnContext, _: Prompt, tools: Tools, __: OnText) -> TurnResult:
        asked = {"query": context.waiting[-1].text[:200]}
        found = (await tools.call("recall", asked)).text
        usage = Usage(requests=2, input_tokens=412, output_tokens=38)
        return TurnResult(answer, "openai:gpt-5.2", (Step("recall", asked, found),), usage)

    return think


@dataclass
class People:
    """An agent's contacts, by name; ``turns``: of Anna's answers."""

    world: World
    channels: dict[str, ChannelId] = field(default_factory=dict)
    contacts: dict[str, ContactId] = field(default_factory=dict)

    async def talk(
        self, name: str, address: str, *lines: str, group: str | None = None
    ) -> ContactId:
        """Let somebody write, and the agent answer, in turn."""
        platform = address.split(":", maxsplit=1)[0]
        for line, answer in zip_longest(lines[::2], lines[1::2]):
            said = await self.world.say(
                address, line, name=name, group=group, channel_id=self.channels[platform]
            )
            if answer is not None:
                await one_turn(self.world, said.session_id, saying(answer))
        assert said.contact_id is not None
        self.contacts[name] = said.contact_id
        return said.contact_id

    async def remember(self, name: str, *facts: str) -> None:
        scope = self.world.contact(self.contacts[name])
        for fact in facts:
            await memories.remember(self.world.context(scope), Remember(content=fact))


async def settle(world: World) -> People:
    """Give a world channels, contacts, a group, and things that need attention."""
    people = People(world)
    for platform, name in CHANNELS.items():
        people.channels[platform] = await world.add_channel(platform, f"{platform}-1")
        async with world.db.begin(world.owner) as tx:
            await tx.execute(
                "UPDATE discreet.channels SET name = %s WHERE id = %s",
                (name, people.channels[platform]),
            )
    await change_references(
        world.db, world.owner_id, world.agent_id, ReferenceChange(read_texts([PRICES]))
    )
    await people.talk(
        "Priya Raman", "whatsapp:447700900114",
        "Is the ground floor room free on Thursday?",
        "Yes, from 14:00 on. Shall I hold it for you?",
        "Yes please, for six people.",
    )  # fmt: skip
    await people.talk(
        "Jonas Weber", "telegram:5550142",
        "Hallo! Habt ihr am Sonntag geöffnet?",
        "Sonntags von 10 bis 16 Uhr.",
        "Super, dann bis Sonntag.",
        "Bis Sonntag, Jonas!",
    )  # fmt: skip
    await people.talk(
        "Lucía Ortega", "discord:88123377",
        "Can I bring my own cake?",
        "You can. Please tell me how many guests there will be.",
    )  # fmt: skip
    await people.talk(
        "Mei Tanaka", "telegram:5550177", "Can I still cancel?", "Yes, free until the day before."
    )
    await people.talk(
        "Omar Haddad", "whatsapp:447700900188",
        "Do you have a table for four on Friday evening?",
        "Yes, at seven. Shall I book it?",
    )  # fmt: skip
    await people.talk(
        "Tom Becker", "telegram:5550190", "The invoice is wrong. Can I talk to a person?"
    )
    anna = await people.talk(
        "Anna Lindqvist", "telegram:5550101",
        "Hi! I'd like a table for Saturday. I'm allergic to walnuts, by the way.",
        "Noted: no walnuts. Saturday at 19:00, for how many?",
    )  # fmt: skip
    await people.remember("Anna Lindqvist", "Anna is allergic to walnuts.",
                          "Anna's partner is vegetarian.")  # fmt: skip
    await people.talk(
        "Anna Lindqvist", "telegram:5550101",
        "Four. And my partner is vegetarian. What did I say about walnuts?",
        "Table for four on Saturday at 19:00, no walnuts, one vegetarian menu. See you then!",
    )  # fmt: skip
    await people.remember("Priya Raman", "Priya books for a team of six.")
    await people.remember("Jonas Weber", "Jonas kommt gern sonntags.")
    await contacts.note_contact(world.db, world.owner_id, str(anna), "Regular, likes the window.")
    await takeover.take_over(world.db, world.owner_id, str(people.contacts["Tom Becker"]))
    await knock(people)
    return people


async def deliver_all(world: World) -> None:
    """Say that all answers were delivered, where no platform is connected."""
    async with world.db.begin(world.owner) as tx:
        await tx.execute(
            "UPDATE discreet.outbox SET state = 'sent', sent_at = clock_timestamp()"
            " WHERE state <> 'sent'"
        )


async def knock(people: People) -> UUID:
    """Let a stranger wait to come in, on a channel of its own."""
    channel_id = await people.world.add_channel("telegram", "telegram-2", "pairing")
    platform = Platform(people.world, channel_id)
    await platform.reason("telegram:5550999", "Hello, may I join? Sam told me about you.",
                          name="Kim Novak")  # fmt: skip
    return channel_id
