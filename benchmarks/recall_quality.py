"""How well recall finds what answers a question, on long conversations.

    python benchmarks/recall_quality.py FILE [--fit] [--captions] [--embedder NAME]

FILE is a JSON list of conversations: ``sessions`` with ``date_time`` and ``turns`` (id, speaker,
text), and ``qa`` with ``question`` and ``evidence`` (ids of turns). One conversation is one
contact, each turn one message; a question's recall at k is the share of its evidence among the
first k.

The first rows are what ranking is made of, then the weights fitted to all conversations but the
one that is measured, then the weights that are shipped, then the same through the database: stored
by intake, indexed, and searched for in the contact's scope. ``--fit`` prints new weights.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.support.world import World, make_world

from benchmarks.scratch import scratch_door
from discreet.domain.addresses import Address
from discreet.domain.inbound import AddressSender, Group, Inbound
from discreet.intake import accept
from discreet.memory.embedders import open_embedder
from discreet.memory.embedding import Embedder
from discreet.memory.indexing import catch_up
from discreet.memory.query import prepare
from discreet.memory.ranking import FEATURES, WEIGHTS, Candidates, features
from discreet.memory.recall import search_messages
from discreet.memory.terms import terms_of
from discreet.settings import Settings

DEPTHS = (5, 10, 25, 50)
TARGETS = (64, 73, 82, 88)
BY_HAND = ("salience", "age")
"""Weights that these conversations say nothing about."""
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Turn:
    id: str
    speaker: str
    text: str
    said_at: datetime


@dataclass(frozen=True, slots=True)
class Conversation:
    """``table``: shape (questions, turns, len(FEATURES)); ``evidence``: (questions, turns)."""

    turns: list[Turn]
    questions: list[str]
    table: npt.NDArray[np.float32]
    evidence: npt.NDArray[np.bool_]


def read(conversation: dict[str, Any], embedder: Embedder, *, captions: bool) -> Conversation:
    turns = [
        Turn(
            turn["id"],
            turn["speaker"],
            f"{turn['text']} {turn.get('caption', '')}".strip() if captions else turn["text"],
            datetime.strptime(session["date_time"], "%I:%M %p on %d %B, %Y").replace(tzinfo=UTC)
            + timedelta(seconds=10 * at),
        )
        for session in conversation["sessions"]
        for at, turn in enumerate(session["turns"])
    ]
    known = {turn.id: at for at, turn in enumerate(turns)}
    asked = [
        (one["question"], found)
        for one in conversation["qa"]
        if (found := [known[id_] for id_ in one["evidence"] if id_ in known])
    ]
    vectors = embedder.embed([turn.text for turn in turns])
    bags = [terms_of(turn.text) for turn in turns]
    candidates = Candidates(
        terms=[f" {'  '.join(bag)} " for bag in bags],
        lengths=np.array([len(bag) for bag in bags], dtype=np.float64),
        cosines=np.zeros(len(turns)),
        conversations=np.zeros(len(turns), dtype=np.int64),
        seconds=np.array([turn.said_at.timestamp() for turn in turns]),
        speakers=[turn.speaker for turn in turns],
    )
    now = turns[-1].said_at + timedelta(days=1)
    table = np.zeros((len(asked), len(turns), len(FEATURES)), dtype=np.float32)
    evidence = np.zeros(table.shape[:2], dtype=bool)
    for at, (question, found) in enumerate(asked):
        query = prepare(question, embedder, now=now)
        cosines = (vectors @ query.vector).astype(np.float64)
        table[at], _ = features(
            query.asked, replace(candidates, cosines=cosines), now=now.timestamp()
        )
        evidence[at, found] = True
    return Conversation(turns, [question for question, _ in asked], table, evidence)


def recall_at(scores: Floats, evidence: npt.NDArray[np.bool_]) -> Floats:
    """Shape (questions, depths)."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, : max(DEPTHS)]
    hits = np.take_along_axis(evidence, order, axis=1)
    return np.stack([hits[:, :k].sum(axis=1) for k in DEPTHS], axis=1) / evidence.sum(
        axis=1, keepdims=True
    )


def weighted(chosen: dict[str, float]) -> Callable[[Conversation], Floats]:
    weights = np.array([chosen.get(name, 0.0) for name in FEATURES])
    return lambda one: one.table @ weights


def fit(
    conversations: list[Conversation], *, steps: int = 250, l2: float = 3e-4
) -> dict[str, float]:
    """Weights that make the evidence likely, as a softmax over a conversation's turns (Adam)."""
    free = [at for at, name in enumerate(FEATURES) if name not in BY_HAND]
    tables = [one.table[:, :, free] for one in conversations]
    weights, mean, spread = np.zeros((3, len(free)))
    questions = sum(len(one.questions) for one in conversations)
    for step in range(1, steps + 1):
        slope = np.zeros(len(free))
        for one, table in zip(conversations, tables, strict=True):
            scores = table @ weights.astype(np.float32)
            likely = np.exp(scores - scores.max(axis=1, keepdims=True))
            likely /= likely.sum(axis=1, keepdims=True)
            wanted = one.evidence / one.evidence.sum(axis=1, keepdims=True)
            slope += (likely - wanted).astype(np.float32).ravel() @ table.reshape(-1, len(free))
        slope = slope / questions + l2 * weights
        mean = 0.9 * mean + 0.1 * slope
        spread = 0.99 * spread + 0.01 * slope**2
        weights -= 0.15 * (mean / (1 - 0.9**step)) / (np.sqrt(spread / (1 - 0.99**step)) + 1e-9)
    return {FEATURES[at]: float(weight) for at, weight in zip(free, weights, strict=True)}


async def through_the_database(
    conversations: list[Conversation], embedder: Embedder
) -> tuple[list[Floats], Floats]:
    """The ranks that a contact's search gives, and the milliseconds of each."""
    results, spent = [], []
    async with scratch_door() as (_, door):
        world = await make_world(door)
        for number, one in enumerate(conversations):
            scope, turns = await _store(world, number, one, embedder)
            ranks = np.full((len(one.questions), len(one.turns)), -np.inf)
            for at, question in enumerate(one.questions):
                now = one.turns[-1].said_at + timedelta(days=1)
                start = time.perf_counter()
                query = prepare(question, embedder, now=now)
                async with door.enter(scope) as rows:
                    found = await search_messages(rows, query, limit=max(DEPTHS))
                spent.append((time.perf_counter() - start) * 1000)
                for rank, hit in enumerate(found):
                    ranks[at, turns[hit.id]] = -rank
            results.append(recall_at(ranks, one.evidence))
    return results, np.array(spent)


async def _store(
    world: World, number: int, one: Conversation, embedder: Embedder
) -> tuple[Any, dict[Any, int]]:
    """Both people talk in a group, which is one contact; gives its scope and the stored turns."""
    group = Address.parse(f"telegram:-{number + 1}")
    turns, contact = {}, None
    for at, turn in enumerate(one.turns):
        sender = Address.parse(f"telegram:{sum(turn.speaker.encode())}")
        accepted = await accept(
            world.door,
            world.owner_id,
            Inbound(
                channel_id=world.channel_id,
                chat_id=str(group),
                message_id=f"{number}-{at}",
                sender=AddressSender(sender, turn.speaker),
                text=turn.text,
                sent_at=turn.said_at,
                group=Group(group),
            ),
        )
        turns[accepted.message_id], contact = at, accepted.contact_id
    scope = world.contact(contact)
    while await catch_up(world.door, scope, "message", embedder):
        pass
    return scope, turns


def show(name: str, results: list[Floats]) -> None:
    means = 100 * np.concatenate(results).mean(axis=0)
    print(f"{name:32}" + "".join(f"{mean:8.1f}" for mean in means), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Recall on long conversations.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--fit", action="store_true", help="print weights fitted to all of them")
    parser.add_argument("--captions", action="store_true", help="texts with captions of pictures")
    parser.add_argument("--embedder", default="bundled", help="as DISCREET_EMBEDDER names it")
    given = parser.parse_args()
    embedder = open_embedder(Settings(embedder=given.embedder))
    everything = json.loads(given.file.read_text(encoding="utf-8"))
    all_read = [read(one, embedder, captions=given.captions) for one in everything]
    asked = sum(len(one.questions) for one in all_read)
    print(
        f"{len(all_read)} conversations, {sum(len(one.turns) for one in all_read)} turns,"
        f" {asked} questions; recall in percent"
    )
    print(f"{'':32}" + "".join(f"{f'@{k}':>8}" for k in DEPTHS))

    def measured(score: Callable[[Conversation], Floats]) -> list[Floats]:
        return [recall_at(score(one), one.evidence) for one in all_read]

    show("words alone", measured(weighted({"text": 1})))
    show("vectors alone", measured(weighted({"meaning": 1})))
    show("0.8 words + 0.2 vectors", measured(weighted({"text": 0.8, "meaning": 0.2})))
    if len(all_read) > 1:
        left_out = [
            recall_at(weighted(fit([o for o in all_read if o is not one]))(one), one.evidence)
            for one in all_read
        ]
        show("fitted to the others", left_out)
        for at, result in enumerate(left_out):
            show(f"  of which {everything[at].get('id', at + 1)}", [result])
    shipped = {name: weight for name, weight in WEIGHTS.items() if name not in BY_HAND}
    show("shipped weights", measured(weighted(shipped)))
    results, spent = asyncio.run(through_the_database(all_read, embedder))
    show("shipped, in a contact's scope", results)
    print(f"{'target':32}" + "".join(f"{target:8.1f}" for target in TARGETS))
    print(f"milliseconds a search: p50 {np.median(spent):.1f}, p95 {np.percentile(spent, 95):.1f}")
    if given.fit:
        print({name: round(weight, 2) for name, weight in fit(all_read).items()})


if __name__ == "__main__":
    main()
