"""How the offline responder understands people."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discreet.turn.offline.intents import (
    AboutIntent,
    ForgetIntent,
    Intent,
    ListIntent,
    Question,
    RememberIntent,
    Request,
    SaidIntent,
    SmallTalk,
    Statement,
    understand,
)

MEANT: tuple[tuple[str, Intent], ...] = (
    ("Remember that my dog is called Rex.", RememberIntent("my dog is called Rex.")),
    ("remember my dog is called Rex", RememberIntent("my dog is called Rex")),
    ("Please remember: the code is 1234", RememberIntent("the code is 1234")),
    ("Can you remember that I like tea?", RememberIntent("I like tea")),
    ("Hi! Remember that I like tea.", RememberIntent("I like tea.")),
    ("Ada, remember that I like tea.", RememberIntent("I like tea.")),
    ("@ada remember I like tea", RememberIntent("I like tea")),
    ("Don't forget to water the plants", RememberIntent("to water the plants")),
    ("Don’t forget the milk", RememberIntent("the milk")),
    ("Keep in mind that I'm left-handed", RememberIntent("I'm left-handed")),
    ("Note that we close early", RememberIntent("we close early")),
    ("Remember that Rex is a dog. He is five.", RememberIntent("Rex is a dog. He is five.")),
    ("Remember this.", RememberIntent("")),
    ("Merk dir, dass mein Hund Rex heißt.", RememberIntent("dass mein Hund Rex heißt.")),
    ("Merke dir bitte: mein Hund heißt Rex", RememberIntent("mein Hund heißt Rex")),
    ("Vergiss nicht: Milch kaufen", RememberIntent("Milch kaufen")),
    ("Souviens-toi que mon chien s'appelle Rex.", RememberIntent("mon chien s'appelle Rex.")),
    ("N'oublie pas que je suis végétarien", RememberIntent("je suis végétarien")),
    ("Recuerda que mi perro se llama Rex.", RememberIntent("mi perro se llama Rex.")),
    ("No olvides que soy alérgico", RememberIntent("soy alérgico")),
    ("Do you remember my dog?", AboutIntent("my dog")),
    ("Remember my dog's name?", Question("Remember my dog's name?")),
    ("I remember when we met.", Statement("I remember when we met.")),
    ("Forget my dog's name", ForgetIntent("my dog's name")),
    ("Forget that my dog is called Rex.", ForgetIntent("my dog is called Rex")),
    ("Please forget everything you know about my dog.", ForgetIntent("my dog")),
    ("forget it", ForgetIntent("")),
    ("Vergiss, dass mein Hund Rex heißt.", ForgetIntent("mein Hund Rex heißt")),
    ("Oublie mon chien", ForgetIntent("mon chien")),
    ("Olvida mi perro", ForgetIntent("mi perro")),
    ("What do you remember about me?", ListIntent()),
    ("What do you know?", ListIntent()),
    ("What have I told you?", ListIntent()),
    ("Was weißt du über mich?", ListIntent()),
    ("What do you know about dogs?", AboutIntent("dogs")),
    ("Tell me about my sister", AboutIntent("my sister")),
    ("What did I say about Lisbon?", SaidIntent("Lisbon")),
    ("What is my dog called?", Question("What is my dog called?")),
    ("Wie heißt mein Hund?", Question("Wie heißt mein Hund?")),
    ("¿Cómo se llama mi perro?", Question("¿Cómo se llama mi perro?")),
    ("where is the key", Question("where is the key")),
    ("Tell me a joke", Request("Tell me a joke")),
    ("Hello", SmallTalk("greeting")),
    ("Hello Ada!", SmallTalk("greeting")),
    ("Guten Tag", SmallTalk("greeting")),
    ("help", SmallTalk("help")),
    ("Who are you?", SmallTalk("who_are_you")),
    ("What's my name?", SmallTalk("who_am_i")),
    ("What time is it?", SmallTalk("clock")),
    ("Thanks!", SmallTalk("thanks")),
    ("yes please", SmallTalk("yes")),
    ("My dog is called Rex.", Statement("My dog is called Rex.")),
)


@pytest.mark.parametrize(("text", "intent"), MEANT, ids=[text for text, _ in MEANT])
def test_it_is_understood(text: str, intent: Intent) -> None:
    assert [it.intent for it in understand(text, "Ada")] == [intent]


def test_several_wishes_in_one_message_are_all_understood_in_order() -> None:
    text = "Hi Ada, remember that Rex is my dog. He is five! What is my dog called? Thanks!"
    assert [it.intent for it in understand(text, "Ada")] == [
        RememberIntent("Rex is my dog. He is five!"),
        Question("What is my dog called?"),
    ]


@given(st.text(max_size=300), st.text(max_size=20))
def test_any_text_means_something(text: str, agent: str) -> None:
    assert understand(text, agent)


@pytest.mark.parametrize(
    "text",
    [
        "a" * 65_000,
        "remember " * 7_000,
        "what do you " * 5_000,
        "hello " * 10_000 + "!",
        " " * 65_000,
        ". " * 30_000,
        "?\n" * 30_000,
        "Ada,,,,,,,,,," * 5_000,
        "please please please " * 3_000,
    ],
    ids=lambda text: text[:12],
)
def test_a_very_long_text_takes_no_long_time(text: str) -> None:
    """Twice the text takes about twice as long; quadratic time would take four times as long."""
    assert understand(text, "Ada")
    half = text[: len(text) // 2]
    # A collection of all the garbage of a test run may fall into one of them; the least counts.
    shorter, whole = (min(_seconds(one) for _ in range(3)) for one in (half, text))
    assert whole < 3 * shorter + 0.1


def _seconds(text: str) -> float:
    began = time.thread_time()
    understand(text, "Ada")
    return time.thread_time() - began
