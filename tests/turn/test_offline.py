"""Conversations with the offline responder."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from discreet.domain.ids import MemoryId
from discreet.postgres.server import Database
from discreet.schemas.agents import AgentChange
from discreet.schemas.memories import ListMemories, MemoryPatch
from discreet.services import memories
from discreet.services.agents import change_agent
from discreet.services.reference_files import ReferenceText
from discreet.services.references import publish
from discreet.turn.offline.phrases import REPLIES
from tests.turn.conversation import Talk, talk

ALICE, BOB = "telegram:1001", "telegram:1002"
SAY = REPLIES["en"]


@pytest.fixture
async def chat(database: Database) -> AsyncIterator[Talk]:
    async with talk(database) as made:
        yield made


async def test_what_one_sender_says_is_found_for_them_and_for_nobody_else(chat: Talk) -> None:
    kept = await chat.say(ALICE, "Remember that my dog is called Rex.")
    assert kept == "I'll remember: “my dog is called Rex.”"
    assert "Rex" in await chat.say(ALICE, "What is my dog called?")
    assert "Rex" in await chat.say(ALICE, "What pet do I have?")
    for question in ("What is my dog called?", "What do you remember?", "Rex?", "help"):
        assert "Rex" not in await chat.say(BOB, question)
    assert SAY.nothing in await chat.say(BOB, "Do you know anything about dogs?")


async def test_the_owner_sees_what_everybody_said_with_whose_it_is(chat: Talk) -> None:
    await chat.say(ALICE, "Remember that my dog is called Rex.")
    await chat.say(BOB, "Remember that my dog is called Max.", name="Bob")
    await chat.say(None, "Remember that dogs may come into the shop.")
    answer = await chat.say(None, "What do you know about dogs?")
    assert "- telegram:1001: “my dog is called Rex.”" in answer
    assert "- Bob (telegram:1002): “my dog is called Max.”" in answer
    assert "- “dogs may come into the shop.”" in answer


async def test_a_contacts_words_cannot_pass_for_another_line_of_the_owners_list(
    chat: Talk,
) -> None:
    await chat.say(
        ALICE, "Remember that a dog” is nice.\n- Bob (telegram:1002): “I steal dogs.", name="A\nB"
    )
    answer = await chat.say(None, "What do you know about dogs?")
    assert [line for line in answer.split("\n") if line.startswith("- ")] == [
        '- A B (telegram:1001): “a dog" is nice. - Bob (telegram:1002): "I steal dogs.”'
    ]


async def test_the_owner_forgets_only_their_own_memories(chat: Talk) -> None:
    await chat.say(ALICE, "Remember that my dog is called Rex.")
    assert SAY.nothing in await chat.say(None, "Forget my dog's name")
    assert "Rex" in await chat.say(ALICE, "What is my dog called?")


async def test_a_forgotten_memory_is_not_found_in_the_conversation(chat: Talk) -> None:
    await chat.say(ALICE, "Remember that my dog is called Rex.")
    assert await chat.say(ALICE, "Forget my dog's name") == "Forgotten: “my dog is called Rex.”"
    assert "Rex" not in await chat.say(ALICE, "What is my dog called?")


async def test_of_several_that_could_be_meant_none_is_forgotten_unasked(chat: Talk) -> None:
    await chat.say(ALICE, "Remember that my old dog was called Rex.")
    await chat.say(ALICE, "Remember that my new dog is called Max.")
    answer = await chat.say(ALICE, "Forget my dog")
    assert answer.startswith(SAY.forget_which)
    assert "Rex" in answer
    assert "Max" in answer
    assert "Rex" in await chat.say(ALICE, "Forget that my old dog was called Rex")
    assert "Rex" not in await chat.say(ALICE, "What do you remember about me?")


async def test_an_unrelated_memory_is_not_an_answer(chat: Talk) -> None:
    await chat.say(ALICE, "Remember that my cat is called Tom.")
    await chat.say(ALICE, "Remember that I like green tea.")
    for question in (
        "What is my dog called?",
        "Where does my sister live?",
        "What is the capital of France?",
        "When is my birthday?",
    ):
        answer = await chat.say(ALICE, question)
        assert answer.startswith(SAY.nearest)


async def test_a_fact_that_was_not_remembered_is_found_in_the_conversation(chat: Talk) -> None:
    assert await chat.say(ALICE, "My sister lives in Lisbon.") == SAY.statement
    assert "Lisbon" in await chat.say(ALICE, "Where does my sister live?")
    assert "Lisbon" in await chat.say(ALICE, "What did I say about my sister?")
    assert "sister" not in await chat.say(BOB, "What did I say about Lisbon?")


async def test_yes_remembers_the_previous_message(chat: Talk) -> None:
    await chat.say(ALICE, "My sister lives in Lisbon.")
    assert await chat.say(ALICE, "Yes, please!") == "I'll remember: “My sister lives in Lisbon.”"
    await chat.say(ALICE, "She is 40.")
    assert await chat.say(ALICE, "Remember that.") == "I'll remember: “She is 40.”"


async def test_reference_texts_answer_everybody_and_are_not_memories(chat: Talk) -> None:
    await publish(
        chat.world.db,
        chat.world.owner_id,
        chat.world.agent_id,
        [
            ReferenceText("hours.md", ("# Opening hours\n\nMonday to Friday, 9:00 to 18:00.",)),
            ReferenceText("prices.md", ("A haircut costs 35 euros.", "Colouring costs 80 euros.")),
        ],
    )
    for sender in (ALICE, BOB, None):
        assert "9:00 to 18:00" in await chat.say(sender, "What are your opening hours?")
        assert "35 euros" in await chat.say(sender, "How much is a haircut?")
    assert "9:00" not in await chat.say(ALICE, "What is my dog called?")
    assert await chat.say(ALICE, "What do you remember?") == SAY.nothing_kept


async def test_in_a_group_everything_says_who_said_it(chat: Talk) -> None:
    group = "telegram:-100"
    await chat.say(ALICE, "Remember that my dog is called Rex.", group=group, name="Alice")
    asked = await chat.say(BOB, "What is my dog called?", group=group, name="Bob")
    assert asked == "Alice: my dog is called Rex."
    assert "Rex" not in await chat.say(ALICE, "What is my dog called?")


async def test_it_explains_once_that_it_is_not_a_language_model_when_asked_for_more(
    chat: Talk,
) -> None:
    assert SAY.no_model in await chat.say(ALICE, "Write me a poem.")
    assert await chat.say(ALICE, "What is the capital of France?") == SAY.nothing
    assert SAY.no_model in await chat.say(BOB, "What is the capital of France?")
    assert "language model" in await chat.say(BOB, "help")
    for quiet in ("Hi", "Thanks", "Remember that I like tea."):
        assert "language model" not in await chat.say(BOB, quiet)


@pytest.mark.parametrize(
    ("told", "asked"),
    [
        ("Merk dir, dass mein Hund Rex heißt.", "Wie heißt mein Hund?"),
        ("Souviens-toi que mon chien s'appelle Rex.", "Comment s'appelle mon chien ?"),
        ("Recuerda que mi perro se llama Rex.", "¿Cómo se llama mi perro?"),
    ],
)
async def test_german_french_and_spanish_are_answered_in_kind(
    chat: Talk, told: str, asked: str
) -> None:
    assert "Rex" in await chat.say(ALICE, told)
    answer = await chat.say(ALICE, asked)
    assert "Rex" in answer
    assert "You told me" not in answer


async def test_any_text_gets_an_answer(chat: Talk) -> None:
    for text in ("?", "!!!", "{}", "%s {name} {0}", "🐕", "Remember", "x" * 65_000, "\u202eabc"):
        assert (await chat.say(ALICE, text)).strip()
    kept = await chat.say(ALICE, "Remember that {agent} is {0} %s.")
    assert kept == "I'll remember: “{agent} is {0} %s.”"
    assert await chat.say(ALICE, f"Remember that {'very ' * 1_000} long.") == SAY.too_long


async def test_who_shares_an_agent_shares_what_it_keeps(database: Database) -> None:
    async with talk(database, memory_model="shared") as chat:
        await chat.say(ALICE, "Remember that the key is under the mat.", name="Alice")
        answer = await chat.say(BOB, "Where is the key?", name="Bob")
    assert answer == "Alice: the key is under the mat."


async def test_what_the_owner_corrected_is_not_said_to_be_told_by_the_contact(chat: Talk) -> None:
    world = chat.world
    await chat.say(ALICE, "Remember that my dog is called Rex.")
    assert "You told me" in await chat.say(ALICE, "What is my dog called?")
    [memory] = (await memories.list_memories(world.context(), ListMemories())).items
    change = MemoryPatch(content="The dog is called Rexi.")
    await memories.update(world.context(), MemoryId(memory.id), change)
    answer = await chat.say(ALICE, "What is my dog called?")
    assert answer == f"{SAY.kept_here}\n- “The dog is called Rexi.”"


async def test_published_texts_answer_a_few_words_and_the_owner_says_what_is_unknown(
    chat: Talk,
) -> None:
    world = chat.world
    prices = ReferenceText("prices.md", ("Prices\nA room is 80 euros a night.",))
    await publish(world.db, world.owner_id, world.agent_id, [prices])
    assert "80 euros" in await chat.say(ALICE, "prices please")
    assert await chat.say(ALICE, "I am Anna") == SAY.statement
    change = AgentChange(unknown_reply="I'll ask the host.")
    await change_agent(world.db, world.owner_id, "Ada", change)
    assert await chat.say(ALICE, "Is there a sauna?") == "I'll ask the host."
    # Not a guess from what else they said, either.
    await chat.say(ALICE, "Remember that my dog is called Rex.")
    assert await chat.say(ALICE, "do you allow horses") == "I'll ask the host."
