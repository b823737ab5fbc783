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
_SENTENCE_END = re.compile(r"(?<=[.!?…؟])\s+(?=\S)|(?<=[。！？])\s*(?=\S)|\n+")
_QUESTION_MARKS = ("?", "？", "؟", "⁇", "՞", ";")
_ASKED_POLITELY = re.compile(r"(?:please )?(?:can|could|will|would) you\b", re.IGNORECASE)
_COLONS = (":", "：")
_END_MARKS = " .!?…。！？؟"
_INVISIBLE = (
    " \t\n\u200b\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
)
"""Marks of direction that keyboards put around right-to-left text, and blanks."""
MAX_SENTENCES = 20
"""A longer text is one statement: it isn't conversation."""


def understand(text: str, agent_name: str) -> list[ParsedIntent]:
    """Return the intents of a message, in order; at least one.

    A sentence after "remember that …" belongs to the text to remember, unless it has an intent of
    its own.
    """
    said = text.strip().strip(_INVISIBLE)
    text = without_address(said.replace("’", "'"), agent_name)
    # Texts are stored unchanged; only matching normalizes apostrophes.
    said = said[-len(text) :] if said.replace("’", "'").endswith(text) else text
    sentences = sentences_of(text)
    intents: list[ParsedIntent] = []
    told: list[tuple[int, int]] = []  # start and end of the words of each intent
    for start, end in sentences:
        understood = _one(text[start:end])
        before = intents[-1].intent if intents else None
        goes_on = isinstance(before, Statement) or (
            isinstance(before, RememberIntent) and before.what != ""
        )
        # Further lines belong to the text to remember, whatever they say.
        kept = isinstance(before, RememberIntent) and (
            "\n" in text[told[-1][1] : start] or text[: told[-1][0]].rstrip().endswith(_COLONS)
        )
        if goes_on and (kept or isinstance(understood.intent, Statement)):
            told[-1] = (told[-1][0], end)
            continue
        intents.append(understood)
        what = understood.intent.what if isinstance(understood.intent, RememberIntent) else ""
        first = text.rfind(what, start, end) if what else start
        if what and text.startswith(what, start):
            first = start  # "…, remember that"
        told.append((first, first + len(what) if what else end))
    intents = [_in_own_words(*one, said) for one in zip(intents, told, strict=True)]
    # A greeting or thanks next to another intent is politeness.
    polite = (SmallTalk("greeting"), SmallTalk("thanks"))
    return [it for it in intents if it.intent not in polite] or intents[:1]


def sentences_of(text: str) -> list[tuple[int, int]]:
    """Return start and end of each sentence; at least one."""
    found, start = list[tuple[int, int]](), 0
    for end in [*_SENTENCE_END.finditer(text), None]:
        piece = text[start : end.start() if end else len(text)]
        if piece.strip():
            first = start + len(piece) - len(piece.lstrip())
            found.append((first, start + len(piece.rstrip())))
        start = end.end() if end else len(text)
    return found if 0 < len(found) <= MAX_SENTENCES else [(0, len(text))]


def _in_own_words(understood: ParsedIntent, told: tuple[int, int], said: str) -> ParsedIntent:
    words = said[told[0] : told[1]]
    match understood.intent:
        case RememberIntent(what) if what:
            return ParsedIntent(RememberIntent(words), understood.language)
        case Statement():
            return ParsedIntent(Statement(words), understood.language)
        case _:
            return understood


def _one(sentence: str) -> ParsedIntent:
    sentence = sentence.strip(_INVISIBLE)
    asks = sentence.endswith(_QUESTION_MARKS)
    bare = sentence.rstrip(_END_MARKS).strip()
    for kind, ways in patterns.SMALL.items():
        for language, way in ways.items():
            if _is(way, bare):
                return ParsedIntent(SmallTalk(kind), language)
    for language, way in patterns.REMEMBER.items():
        what = _after(way, sentence)
        # "Can you remember that …?" asks to remember something; "Do you remember …?" does not.
        if what is not None and (not asks or _is_told(sentence, what)):
            return ParsedIntent(
                RememberIntent(
                    _meant(
                        _without_mark(what) if asks and _ASKED_POLITELY.match(sentence) else what
                    )
                ),
                language,
            )
    for language, way in patterns.REMEMBER_AFTER.items():
        found = re.search(way, bare, re.IGNORECASE)
        if found and not asks and found.start():
            return ParsedIntent(RememberIntent(sentence[: found.start()].strip()), language)
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
    for language, way in (*patterns.ASKING.items(), *patterns.ASKING_FURTHER.items()):
        if re.match(way, sentence, re.IGNORECASE):
            return ParsedIntent(Question(sentence), patterns.sentence_language(sentence, language))
    for language, way in patterns.REQUESTING.items():
        if _after(way, sentence) and not asks:
            return ParsedIntent(Request(sentence), language)
    language = patterns.sentence_language(sentence, "en")
    return ParsedIntent(Question(sentence) if asks else Statement(sentence), language)


def _is(way: str, bare: str) -> bool:
    return re.fullmatch(f"{POLITE}(?:{way})", bare, re.IGNORECASE) is not None


def _after(way: str, sentence: str) -> str | None:
    """Return what follows a beginning, or None if the sentence begins differently."""
    found = re.match(f"{POLITE}(?:{way})", sentence, re.IGNORECASE)
    return sentence[found.end() :].strip() if found else None


def _is_told(sentence: str, what: str) -> bool:
    """Return whether a question tells something: "remember that ...", "remember: ..."."""
    return " that " in sentence[:40].lower() or sentence.removesuffix(what).rstrip().endswith(
        _COLONS
    )


def _without_mark(what: str) -> str:
    return what.rstrip("".join(_QUESTION_MARKS)).strip()


def _meant(what: str) -> str:
    return "" if what.rstrip(_END_MARKS).lower() in NOTHING_MEANT else what


def without_address(text: str, agent_name: str) -> str:
    """Remove a greeting and the agent's name from the start, and "Ada" from "Hi Ada!"."""
    name = re.escape(agent_name.strip())
    if name and re.fullmatch(rf"(?:{_GREETING}),?\s+@?{name}\W*", text, re.IGNORECASE):
        return text.split(maxsplit=1)[0]
    hello = _HELLO.match(text)
    if hello and text[hello.end() :].strip():
        text = text[hello.end() :]
    called = re.match(rf"@?{name}\b\s*[,:;!.…-]*\s+(?=\S)", text, re.IGNORECASE) if name else None
    return text[called.end() :] if called else text
