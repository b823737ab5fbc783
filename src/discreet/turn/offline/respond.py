"""Answer a turn by rules, with the same tools as a model.

It remembers what it is asked to, answers from search results that are near enough, and explains
that it isn't a language model when asked for more.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, assert_never

from discreet.domain.outbound import OFFLINE
from discreet.turn.context import Found, Line, Speaker, TurnContext
from discreet.turn.escaping import clean_name, one_line
from discreet.turn.offline import phrases
from discreet.turn.offline.intents import (
    AboutIntent,
    ForgetIntent,
    ListIntent,
    ParsedIntent,
    Question,
    RememberIntent,
    Request,
    SaidIntent,
    SmallTalk,
    Statement,
    sentences_of,
    understand,
    without_address,
)
from discreet.turn.offline.patterns import Language, Small
from discreet.turn.offline.phrases import REPLIES, Replies
from discreet.turn.offline.relevance import nearest, outstanding, relevant
from discreet.turn.offline.reminder_phrases import REMINDER_REPLIES, text_of_reminder
from discreet.turn.offline.reminding import ReminderRequest, parse_reminder
from discreet.turn.prompt import describe_speaker
from discreet.turn.result import Step, TurnResult
from discreet.turn.tools import Outcome, Tools

QUERY_CHARACTERS = 1_000
SEARCHED = 30
FEW_WORDS = 4
"""A statement with at most this many words may be a request: "prices please"."""
LISTED = 30
# Maximum characters of one list item, and of a reference text.
SHOWN = 400
# Maximum characters of a memory shown to the sender who told it.
WHOLE = 3_000
PASSAGE_SHOWN = 1_200


_PLAIN_QUOTES = str.maketrans("“”„«»", '"""""')


async def respond(context: TurnContext, tools: Tools) -> TurnResult:
    """Answer every waiting line by rules. Deterministic.

    Raises:
        LeaseLost: another turn now has the session.
    """
    responder = _Responder(context, tools)
    answers: list[str] = []
    for line in context.waiting:
        for answer in await responder.answer(line):
            if answer not in answers:
                answers.append(answer)
    text = "\n\n".join(answers)
    return TurnResult(text, OFFLINE, tuple(responder.steps))


class _Responder:
    """The answers of one turn. Records the steps."""

    def __init__(self, context: TurnContext, tools: Tools) -> None:
        self._context = context
        self._tools = tools
        self._admitted = False
        self.steps: list[Step] = []

    async def answer(self, line: Line) -> list[str]:
        """Return the answers to one line, in order."""
        agent = self._context.agent.name
        if text_of_reminder(line.text) is not None:
            return [line.text]
        requests, rest = self._requests(without_address(line.text.strip(), agent))
        answers = [await self._remind(request) for request in requests]
        said = rest if requests else line.text
        intents = understand(said, agent) if said or not requests else []
        # A greeting or thanks next to a request is politeness.
        meant = [it for it in intents if not requests or not isinstance(it.intent, SmallTalk)]
        return answers + [await self._grant(it, line) for it in meant]

    def _requests(self, text: str) -> tuple[list[ReminderRequest], str]:
        """Return the requests for reminders in a text, and what else it says."""
        now = self._context.now.astimezone(self._context.zone).replace(tzinfo=None)
        whole = parse_reminder(text, now)
        if whole is not None:
            return [whole], ""
        parts = [text[start:end] for start, end in sentences_of(text)]
        found = [(part, parse_reminder(part, now)) for part in parts]
        requests = [request for _, request in found if request is not None]
        return requests, " ".join(part for part, request in found if request is None)

    async def _remind(self, asked: ReminderRequest) -> str:
        say = REMINDER_REPLIES[asked.language]
        now = self._context.now.astimezone(self._context.zone).replace(tzinfo=None)
        if asked.at is None:
            return say.when
        if asked.at <= now.replace(second=0, microsecond=0):
            return say.passed
        if not asked.text:
            return say.what
        given = {"text": asked.text, "at": f"{asked.at:%Y-%m-%dT%H:%M:%S}"}
        if asked.rule:
            given["repeat"] = asked.rule
        outcome = await self._call("remind", **given)
        if outcome.full:
            return say.full
        if not outcome.done:
            return say.when
        words = say.recurs if asked.rule else say.set_at
        return words.format(f"{asked.at:%Y-%m-%d %H:%M}", self._context.zone, asked.text)

    async def _grant(self, understood: ParsedIntent, line: Line) -> str:
        say = REPLIES[understood.language]
        match understood.intent:
            case RememberIntent(what):
                return await self._remember(say, what, line)
            case ForgetIntent(what):
                return await self._forget(say, what)
            case ListIntent():
                return await self._list(say)
            case AboutIntent(topic):
                return await self._about(say, topic)
            case SaidIntent(topic):
                return await self._said(say, topic)
            case Question(text):
                return await self._answer(say, text)
            case Request(text):
                return await self._do(say, text)
            case SmallTalk(kind):
                return await self._chat(say, understood.language, kind, line)
            case Statement(text):
                return await self._published(text) or say.statement
            case _:
                assert_never(understood.intent)

    async def _remember(self, say: Replies, what: str, line: Line) -> str:
        content = (what or self._said_before(line)).strip()
        if not content:
            return say.keep_what
        if self._context.many_speak:
            content = f"{_short(line.speaker)}: {content}"
        outcome = await self._call("remember", content=content)
        if outcome.full:
            return say.full
        return say.kept.format(self._in_quotes(say, content)) if outcome.done else say.too_long

    def _said_before(self, line: Line) -> str:
        """Return what the same speaker told last, for "remember that"."""
        agent = self._context.agent.name
        for earlier in reversed(self._context.history):
            if earlier.direction == "in" and earlier.speaker == line.speaker:
                told = [it.intent for it in understand(earlier.text, agent)]
                return " ".join(intent.text for intent in told if isinstance(intent, Statement))
        return ""

    async def _forget(self, say: Replies, what: str) -> str:
        if not what:
            return say.forget_what
        found = (await self._call("recall", query=what[:QUERY_CHARACTERS], limit=SEARCHED)).found
        # An owner forgets only the owner's own here; "my" doesn't mean a contact's memories.
        own = [one for one in found if one.kind == "memory" and one.whose is None]
        meant = [one for one in own if _same(one.text, what)] or relevant(what, own)
        if not meant:
            return say.nothing
        if len(meant) > 1:
            return "\n".join([say.forget_which, *self._items(say, meant)])
        outcome = await self._call("forget", memory_id=str(meant[0].id))
        return (
            say.forgotten.format(self._in_quotes(say, meant[0].text))
            if outcome.done
            else say.nothing
        )

    async def _list(self, say: Replies) -> str:
        found = (await self._call("recall", query="", limit=LISTED)).found
        kept = [one for one in found if one.kind == "memory"]
        if not kept:
            return say.nothing_kept
        alone = (
            not self._context.of_owner
            and not self._context.many_speak
            and all(_is_told(one) for one in kept)
        )
        return "\n".join([say.told_me_all if alone else say.kept_here, *self._items(say, kept)])

    async def _about(self, say: Replies, topic: str) -> str:
        found = await self._search(topic)
        hits = relevant(topic, found, all_of_them=True)
        return self._show(say, hits) if hits else await self._from_conversation(say, topic)

    async def _answer(self, say: Replies, asked: str) -> str:
        found = await self._search(asked)
        hits = relevant(asked, found) or outstanding(asked, found)
        if hits:
            return self._show(say, hits)
        return await self._from_conversation(say, asked, nearest(asked, found))

    async def _published(self, said: str) -> str:
        """Return the published texts that a few words are about, such as "prices please"."""
        if len(said.split()) > FEW_WORDS:
            return ""
        found = [one for one in await self._search(said) if one.kind == "passage"]
        return "\n\n".join(_passage(one.text) for one in relevant(said, found)[:2])

    async def _do(self, say: Replies, asked: str) -> str:
        hits = relevant(asked, await self._search(asked))
        return self._show(say, hits) if hits else say.no_model

    async def _from_conversation(self, say: Replies, asked: str, near: Sequence[Found] = ()) -> str:
        """Return what was told but not remembered, or what is ``near``, marked as no answer.

        Questions and requests to remember or forget are not answers: they would bring back what was
        forgotten.
        """
        agent = self._context.agent.name
        told = [
            one
            for one in await self._search_conversation(asked)
            if one.by is not None
            and all(isinstance(it.intent, Statement) for it in understand(one.text, agent))
        ]
        hits = relevant(asked, told)
        # What the owner wants said then takes precedence over a guess.
        if not hits and near and not self._owners_reply:
            return "\n".join([say.nearest, *self._items(say, list(near))])
        if not hits:
            return self._nothing(say)
        return "\n".join([say.wrote, *self._items(say, hits)])

    async def _said(self, say: Replies, topic: str) -> str:
        found = [one for one in await self._search_conversation(topic) if one.by is not None]
        hits = relevant(topic, found, all_of_them=True)
        if not hits:
            return self._nothing(say)
        return "\n".join([say.wrote, *self._items(say, hits)])

    async def _chat(self, say: Replies, language: Language, kind: Small, line: Line) -> str:
        context = self._context
        agent = clean_name(context.agent.name)
        name = clean_name((line.speaker or Speaker()).name or context.party.name)
        match kind:
            case "greeting":
                return say.greeting.format(agent=agent, name=f", {name}" if name else "")
            case "thanks":
                return say.thanks
            case "bye":
                return say.bye
            case "help":
                return _help(context, agent)
            case "who_are_you":
                role = one_line(context.agent.role).rstrip(".")
                return say.i_am.format(agent=agent, role=f", {role}" if role else "")
            case "who_am_i":
                hits = relevant(line.text, await self._search(line.text))
                known = describe_speaker(line.speaker or Speaker(name))
                return self._show(say, hits) if hits else say.you_are.format(_quoted(say, known))
            case "clock":
                form = "%A, %d %B %Y, %H:%M" if language == "en" else "%H:%M, %Y-%m-%d"
                return say.clock.format(context.now.strftime(form))
            case "yes":
                offered = [one.text for one in context.history if one.direction == "out"][-1:]
                if offered and say.statement in offered[0]:
                    return await self._remember(say, "", line)
                return say.keep_what
            case _:
                assert_never(kind)

    def _show(self, say: Replies, hits: list[Found]) -> str:
        """Return the results: a reference text as published, everything else quoted."""
        passages = [one for one in hits if one.kind == "passage"][:2]
        kept = [one for one in hits if one.kind != "passage"]
        published = "\n\n".join(_passage(one.text) for one in passages)
        if not kept:
            return published
        told = self._told(say, kept)
        parts = (published, told) if hits[0].kind == "passage" else (told, published)
        return "\n\n".join(part for part in parts if part)

    def _told(self, say: Replies, kept: list[Found]) -> str:
        if self._context.of_owner:
            return "\n".join([say.kept_here, *self._items(say, kept)])
        if self._context.many_speak and len(kept) > 1:
            return "\n".join([say.kept_here, *self._items(say, kept)])
        if self._context.many_speak:
            return _cut(one_line(kept[0].text), SHOWN)
        if not all(_is_told(one) for one in kept):
            return "\n".join([say.kept_here, *self._items(say, kept)])
        # The best result comes first, without a title before it.
        best = say.told_me.format(say.quoted.format(_cut(kept[0].text, WHOLE)))
        return "\n".join([best, *self._items(say, kept[1:])])

    def _in_quotes(self, say: Replies, text: str) -> str:
        """Quote a sender's own text literally, and others so that they can't fake the end."""
        if self._context.of_owner or self._context.many_speak:
            return _quoted(say, text)
        return say.quoted.format(_cut(text.replace("\n", "\n  "), WHOLE))

    def _items(self, say: Replies, found: list[Found]) -> list[str]:
        """Return a list. For the owner each item names whom it belongs to and is quoted."""
        lines = []
        for one in found:
            text = self._in_quotes(say, one.text)
            whose = one.whose
            if whose is None and one.kind == "message" and self._context.many_speak:
                whose = one.by
            if whose is not None:
                text = f"{describe_speaker(whose)}: {text}"
            lines.append(f"- {text}")
        return lines

    @property
    def _owners_reply(self) -> str:
        """What the owner wants contacts to be told when nothing is known; empty: nothing set."""
        return "" if self._context.of_owner else self._context.agent.unknown_reply

    def _nothing(self, say: Replies) -> str:
        """Say that nothing was found, and once per conversation why no more can be expected.

        The owner's own reply takes precedence.
        """
        if self._owners_reply:
            return self._owners_reply
        said = (line.text for line in self._context.history if line.direction == "out")
        if self._admitted or any(say.no_model in text for text in said):
            return say.nothing
        self._admitted = True
        return f"{say.nothing} {say.no_model}"

    async def _search(self, text: str) -> tuple[Found, ...]:
        return (await self._call("recall", query=text[:QUERY_CHARACTERS], limit=SEARCHED)).found

    async def _search_conversation(self, text: str) -> list[Found]:
        outcome = await self._call(
            "search_conversation", query=text[:QUERY_CHARACTERS], limit=SEARCHED
        )
        waiting = {line.position for line in self._context.waiting}
        return [one for one in outcome.found if one.position not in waiting]

    async def _call(self, tool: str, **arguments: Any) -> Outcome:
        began = time.monotonic()
        outcome = await self._tools.call(tool, arguments)
        self.steps.append(Step(tool, arguments, outcome.text, time.monotonic() - began))
        return outcome


def _is_told(found: Found) -> bool:
    """Return whether a result is in the asking person's own words, not the owner's."""
    return not found.is_of_owner


def _help(context: TurnContext, agent: str) -> str:
    if context.of_owner:
        privacy = phrases.FOR_OWNER.format(agent=agent)
    else:
        privacy = phrases.IN_GROUP if context.many_speak else phrases.PRIVATE
    return phrases.HELP.format(agent=agent, privacy=privacy)


def _quoted(say: Replies, text: str) -> str:
    """Quote a text on one line; marks inside it can't look like the closing one."""
    return say.quoted.format(_cut(one_line(text), SHOWN).translate(_PLAIN_QUOTES))


def _passage(text: str) -> str:
    """Return a reference text with only the nearest of its headings."""
    heading, end, rest = text.strip().partition("\n")
    return _cut(f"{heading.rpartition(' > ')[2]}{end}{rest}", PASSAGE_SHOWN)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"


def _short(speaker: Speaker | None) -> str:
    if speaker is None:
        return describe_speaker(Speaker())
    return clean_name(speaker.name) or describe_speaker(speaker)


def _same(kept: str, said: str) -> bool:
    return _bare(kept) == _bare(said)


def _bare(text: str) -> str:
    return one_line(text).casefold().strip(" .!?")
