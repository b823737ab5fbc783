"""Parse the intents of a message by rules.

English first; the imperatives and the usual questions also in German, French and Spanish.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from discreet.turn.offline import patterns
from discreet.turn.offline.patterns import NOTHING_MEANT, POLITE, Language, Small


@dataclass(frozen=True, slots=True)
class RememberIntent:
    """Remember ``what``; empty: the previous message."""

    what: str


@dataclass(frozen=True, slots=True)
class ForgetIntent:
    """Forget ``what``; empty: not specified."""

    what: str


@dataclass(frozen=True, slots=True)
class ListIntent:
    """List everything that is remembered."""


@dataclass(frozen=True, slots=True)
class AboutIntent:
    """Show everything about a topic."""

    topic: str


@dataclass(frozen=True, slots=True)
class SaidIntent:
    """Show what was said about a topic in this conversation."""

    topic: str


@dataclass(frozen=True, slots=True)
class Question:
    """Any other question."""

    text: str


@dataclass(frozen=True, slots=True)
class Request:
    """A request for something that only a model can do."""

    text: str


@dataclass(frozen=True, slots=True)
class SmallTalk:
    """Small talk, which needs no memory."""

    kind: Small


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement."""

    text: str


Intent = (
    RememberIntent
    | ForgetIntent
    | ListIntent
    | AboutIntent
    | SaidIntent
    | Question
    | Request
    | SmallTalk
    | Statement
)


@dataclass(frozen=True, slots=True)
class ParsedIntent:
    """An intent and its language."""

    intent: Intent
    language: Language = "en"


_GREETING = "|".join(patterns.SMALL["greeting"].values())
_HELLO = re.compile(rf"(?:{_GREETING})\b[^\w\n]{{0,3}}(?=\s)\s*", re.IGNORECASE)
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+(?=\S)|\n+")
MAX_SENTENCES = 20
"""A longer text is taken as one piece: it is no conversation."""


def understand(text: str, agent_name: str) -> list[ParsedIntent]:
    """Return what a message wants, in order; at least one intent.

    A sentence after "remember that …" belongs to what is to be remembered, unless it wants
    something itself.
    """
    text = _without_address(text.replace("’", "'").strip(), agent_name)
    sentences = [part.strip() for part in _SENTENCE_END.split(text) if part.strip()]
    if len(sentences) > MAX_SENTENCES:
        sentences = [text]
    intents: list[ParsedIntent] = []
    for sentence in sentences or [text]:
        understood = _one(sentence)
        before = intents[-1] if intents else None
        if before is not None and isinstance(understood.intent, Statement):
            match before.intent:
                case RememberIntent(what) if what:
                    intents[-1] = ParsedIntent(
                        RememberIntent(f"{what} {sentence}"), before.language
                    )
                    continue
                case Statement(said):
                    intents[-1] = ParsedIntent(Statement(f"{said} {sentence}"), before.language)
                    continue
        intents.append(understood)
    # A greeting or thanks beside something else is politeness.
    polite = (SmallTalk("greeting"), SmallTalk("thanks"))
    return [it for it in intents if it.intent not in polite] or intents[:1]


def _one(sentence: str) -> ParsedIntent:
    asks = sentence.endswith("?")
    bare = sentence.rstrip(" .!?…").strip()
    for kind, ways in patterns.SMALL.items():
        for language, way in ways.items():
            if _is(way, bare):
                return ParsedIntent(SmallTalk(kind), language)
    for language, way in patterns.REMEMBER.items():
        what = _after(way, sentence)
        # "Can you remember that …?" asks to remember something; "Do you remember …?" does not.
        if what is not None and (not asks or " that " in sentence[:40].lower()):
            return ParsedIntent(RememberIntent(_meant(what.rstrip("?").strip())), language)
    for language, way in patterns.LIST_KEPT.items():
        if _is(way, bare):
            return ParsedIntent(ListIntent(), language)
    return _asked(sentence, bare, asks=asks)


def _asked(sentence: str, bare: str, *, asks: bool) -> ParsedIntent:
    readers: tuple[tuple[Mapping[Language, str], Callable[[str], Intent]], ...] = (
        (patterns.SAID, SaidIntent),
        (patterns.ABOUT, AboutIntent),
    )
    for ways, intent in readers:
        for language, way in ways.items():
            topic = _after(way, bare)
            if topic:
                return ParsedIntent(intent(topic), language)
    for language, way in patterns.FORGET.items():
        what = _after(way, bare)
        if what is not None and not asks:
            return ParsedIntent(ForgetIntent(_meant(what)), language)
    for language, way in patterns.ASKING.items():
        if re.match(way, sentence, re.IGNORECASE):
            return ParsedIntent(Question(sentence), language)
    for language, way in patterns.REQUESTING.items():
        if _after(way, sentence) and not asks:
            return ParsedIntent(Request(sentence), language)
    return ParsedIntent(Question(sentence) if asks else Statement(sentence))


def _is(way: str, bare: str) -> bool:
    return re.fullmatch(f"{POLITE}(?:{way})", bare, re.IGNORECASE) is not None


def _after(way: str, sentence: str) -> str | None:
    """Return what follows a beginning, or None where the sentence doesn't begin so."""
    found = re.match(f"{POLITE}(?:{way})", sentence, re.IGNORECASE)
    return sentence[found.end() :].strip() if found else None


def _meant(what: str) -> str:
    return "" if what.rstrip(" .!").lower() in NOTHING_MEANT else what


def _without_address(text: str, agent_name: str) -> str:
    """Leave out a greeting and the agent's name before what is meant, and "Ada" of "Hi Ada!"."""
    name = re.escape(agent_name.strip())
    if name and re.fullmatch(rf"(?:{_GREETING}),?\s+@?{name}\W*", text, re.IGNORECASE):
        return text.split(maxsplit=1)[0]
    hello = _HELLO.match(text)
    if hello and text[hello.end() :].strip():
        text = text[hello.end() :]
    called = re.match(rf"@?{name}\b\s*[,:;!.…-]*\s+(?=\S)", text, re.IGNORECASE) if name else None
    return text[called.end() :] if called else text
