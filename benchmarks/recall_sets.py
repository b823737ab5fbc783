"""Conversations with questions, read from a file, and what ranking knows of each turn.

A file is a JSON list of conversations: ``sessions`` with ``date_time`` and ``turns`` (id, speaker,
text), and ``qa`` with ``question`` and ``evidence`` (ids of turns). The speaker ``assistant`` is
the agent.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import discreet.memory
from discreet.memory.bm25 import Bags, bm25, rarity_of
from discreet.memory.embedding import Embedder
from discreet.memory.features import Candidates, features
from discreet.memory.indexing import index
from discreet.memory.query import prepare
from discreet.memory.ranking import FEATURES
from discreet.memory.spaces import space_for, space_names
from discreet.memory.tokenizer import content_terms

AGENT = "assistant"
BYTES_PER_TOKEN = 4
CACHE = Path(tempfile.gettempdir()) / "discreet-recall-quality"
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Turn:
    id: str
    speaker: str
    text: str
    said_at: datetime


@dataclass(frozen=True, slots=True)
class Conversation:
    """``table``: shape (questions, turns, len(FEATURES)); ``words``, ``vectors``: BM25 and the
    cosine alone, and ``evidence``: (questions, turns); ``table_shares``: of each question."""

    name: str
    turns: list[Turn]
    questions: list[str]
    table: npt.NDArray[np.float32]
    words: npt.NDArray[np.float32]
    vectors: npt.NDArray[np.float32]
    evidence: npt.NDArray[np.bool_]
    table_shares: list[float]

    @property
    def sizes(self) -> Floats:
        """Tokens of each turn, about."""
        return np.array([len(turn.text.encode()) / BYTES_PER_TOKEN for turn in self.turns])


def read_set(path: Path, embedder: Embedder) -> list[Conversation]:
    """The conversations of a file. What was worked out once is kept in a temporary folder, under a
    name that changes with the text, the embedder and the code of the ranking."""
    CACHE.mkdir(exist_ok=True)
    code = b"".join(
        file.read_bytes() for file in sorted(Path(discreet.memory.__path__[0]).glob("*.py"))
        if file.name not in ("ranking.py", "newer.py")
    )  # fmt: skip
    found = []
    for number, one in enumerate(json.loads(path.read_text(encoding="utf-8"))):
        known = (
            json.dumps(one, sort_keys=True).encode() + str(space_names(embedder)).encode() + code
        )
        kept = CACHE / f"{hashlib.sha256(known).hexdigest()}.pickle"
        if not kept.exists():
            name = f"{path.stem} {one.get('id', number + 1)}"
            with tempfile.NamedTemporaryFile(dir=CACHE, delete=False) as made:
                pickle.dump(_worked_out(name, one, embedder), made)
            Path(made.name).rename(kept)
        found.append(pickle.loads(kept.read_bytes()))
    return found


def _worked_out(name: str, conversation: dict[str, Any], embedder: Embedder) -> Conversation:
    turns = _turns(conversation)
    known = {turn.id: at for at, turn in enumerate(turns)}
    asked = [
        (one["question"], found)
        for one in conversation["qa"]
        if (found := [known[id_] for id_ in one["evidence"] if id_ in known])
    ]
    texts = [turn.text for turn in turns]
    spaces = [space_for(embedder, text) for text in texts]
    vectors = [space.embed([text])[0] for space, text in zip(spaces, texts, strict=True)]
    candidates = candidates_of(turns)
    bags = Bags(candidates.bags, candidates.bag_sizes)
    now = turns[-1].said_at + timedelta(days=1)
    shape = (len(asked), len(turns))
    table = np.zeros((*shape, len(FEATURES)), dtype=np.float32)
    words, cosines = np.zeros((2, *shape), dtype=np.float32)
    evidence = np.zeros(shape, dtype=bool)
    shares = []
    for at, (question, found) in enumerate(asked):
        query = prepare(question, embedder, now=now)
        shares.append(query.asked.table_share)
        near = np.array(
            [
                vector @ query.vector
                if query.vector is not None and space.name == query.embedder
                else np.nan
                for space, vector in zip(spaces, vectors, strict=True)
            ]
        )
        table[at], _ = features(
            query.asked, replace(candidates, cosines=near.astype(np.float64)), now=now.timestamp()
        )
        frequencies = np.stack([bags.count(term) for term in content_terms(question)])
        words[at] = bm25(frequencies, candidates.lengths, rarity_of(frequencies))
        cosines[at] = np.nan_to_num(near, nan=-1)
        evidence[at, found] = True
    questions = [question for question, _ in asked]
    return Conversation(name, turns, questions, table, words, cosines, evidence, shares)


def _turns(conversation: dict[str, Any]) -> list[Turn]:
    return [
        Turn(
            turn["id"],
            turn["speaker"],
            turn["text"],
            datetime.strptime(session["date_time"], "%I:%M %p on %d %B, %Y").replace(tzinfo=UTC)
            + timedelta(seconds=10 * at),
        )
        for session in conversation["sessions"]
        for at, turn in enumerate(session["turns"])
    ]


def candidates_of(turns: list[Turn]) -> Candidates:
    """One conversation as ranking takes it; without cosines."""
    return Candidates.of(
        index([turn.text for turn in turns], None),
        cosines=np.full(len(turns), np.nan),
        conversations=np.zeros(len(turns), dtype=np.int64),
        seconds=np.array([turn.said_at.timestamp() for turn in turns]),
        speakers=["" if turn.speaker == AGENT else turn.speaker for turn in turns],
        agents=np.array([turn.speaker == AGENT for turn in turns]),
    )
