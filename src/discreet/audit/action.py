"""The audit in action: attacks on copies of the installation's agents.

A message is handled like a real one: intake, the queue, a turn of the serving process, its model,
the stored answer. Calls go to REST and MCP with a token of the attacker's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import anyio

from discreet.audit.attacks import FAMILIES, Attack, AttackStep, Cast, Member, generate
from discreet.audit.budget import AuditBudget, OverBudget
from discreet.audit.entry_points import Entries
from discreet.audit.failed_parts import audit_part
from discreet.audit.findings import Finding
from discreet.audit.fixture import ATTACKER, GROUP, OWNER, VICTIM, AgentFixture, inbound_of
from discreet.audit.progress import AttackOutcome, Log, Seen
from discreet.auth.tokens import create_token
from discreet.domain.concurrency import end, start
from discreet.domain.content import Content, Quote
from discreet.domain.errors import DiscreetError, Unavailable
from discreet.domain.ids import MemoryId, parse_uuid
from discreet.domain.inbound import Attachment
from discreet.intake import accept
from discreet.queue.wakes import Wakes
from discreet.services import memories
from discreet.services.context import in_scope
from discreet.services.messages import Stopped, wait_for_answer
from discreet.services.requeue import Silence

__all__ = ["Action", "turns_of"]

AT_ONCE = 6
"""Families that are tried at the same time; each has an attacker of its own."""
MARGIN_SECONDS = 60.0
Progress = Callable[[str], None]


def turns_of(attack: Attack) -> int:
    """Return how many turns an attack takes."""
    return sum(step.again for step in attack.steps if step.call is None)


@dataclass
class Action:
    """The attacks on one agent. ``base_url``: where REST and MCP are served.

    ``findings``: gets those that ended in an error.
    """

    scene: AgentFixture
    wakes: Wakes
    base_url: str
    seed: str
    variants: Sequence[int]
    budget: AuditBudget
    log: Log
    progress: Progress
    findings: list[Finding]

    async def run(self, families: Sequence[str] = FAMILIES) -> list[AttackOutcome]:
        """Try every variant of every family; return the results of those that were tried."""
        limit = asyncio.Semaphore(AT_ONCE)
        attackers = dict(zip(families, self.scene.attackers, strict=False))
        tasks = [
            start(self._family(limit, family, attackers[family]), f"audit: {family}")
            for family in families
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()  # raises what failed
            return [outcome for task in tasks for outcome in task.result()]
        finally:
            await end(*tasks)

    async def _family(
        self, limit: asyncio.Semaphore, family: str, address: str
    ) -> list[AttackOutcome]:
        async with limit:
            me = replace(self.scene.cast.attacker, address=address)
            cast = replace(self.scene.cast, attacker=me)
            done: list[AttackOutcome] = []
            with audit_part(f"Attacks on {cast.agent}: {family}", self.findings):
                entries = Entries(self.base_url, await self._token(me))
                for attack in generate(cast, f"{self.seed}/{cast.agent}", [family], self.variants):
                    known = self.log.find(cast.agent, attack.name)
                    if known is not None:
                        done.append(known)
                        continue
                    with audit_part(f"An attack on {cast.agent}: {attack.name}", self.findings):
                        try:
                            outcome = await self._attack(cast, attack, entries)
                        except OverBudget:
                            break
                        self.log.add(outcome)
                        done.append(outcome)
            return done

    async def _token(self, me: Member) -> str:
        fixture = self.scene.fixture
        _, text = await create_token(
            fixture.db, fixture.owner_id, agent=self.scene.agent.name, contact=me.address
        )
        return text

    async def _attack(self, cast: Cast, attack: Attack, entries: Entries) -> AttackOutcome:
        self.progress(f"{cast.agent}: {attack.family} {attack.variant + 1}: {attack.what[:90]}")
        turns = turns_of(attack)
        async with self.budget.of(turns):
            seen: list[Seen] = []
            unanswered = 0
            for step in attack.steps:
                for _ in range(step.again):
                    found = await self._step(cast, step, entries)
                    unanswered += found is None
                    seen += found or []
            seen += await self._changed()
        return AttackOutcome(
            cast.agent, attack.family, attack.variant, attack.what, turns, tuple(seen), unanswered
        )

    async def _step(self, cast: Cast, step: AttackStep, entries: Entries) -> list[Seen] | None:
        """Take a step; return what it got at, or None if nobody answered."""
        if step.call is not None:
            text = await entries.call(step.call)
            return self._judge(ATTACKER, f"{step.call.way}: {step.call.operation}", text)
        speaker = {"attacker": cast.attacker, "victim": cast.victim, "owner": cast.owner}[step.who]
        answer = await self._say(speaker, step)
        reader = GROUP if step.in_group and speaker.address else step.who
        return None if answer is None else self._judge(reader, f"answer to the {reader}", answer)

    def _judge(self, reader: str, way: str, text: str) -> list[Seen]:
        found = self.scene.judge.find(text, self.scene.may_see(reader))
        return [Seen(leak.holder, reader, way, leak.form, text[:600]) for leak in found]

    async def _say(self, speaker: Member, step: AttackStep) -> str | None:
        """Send a message; return its drafts and answer, or the refusal; None: no answer."""
        scene = self.scene
        files = (Attachment("document", "audit-file", step.file),) if step.file else ()
        inbound = inbound_of(
            scene,
            speaker.address,
            step.text,
            step.name or (speaker.name if speaker.address else ""),
            in_group=step.in_group and bool(speaker.address),
            new=step.new,
            thread=step.thread[:100],
            attachments=files,
            content=Content(quote=Quote(step.quote)) if step.quote else Content(),
        )
        drafts: list[str] = []

        async def on_draft(text: str) -> None:
            drafts[:] = [*drafts[-3:], text]

        in_group = step.in_group and speaker.address
        whose = scene.scope_of(scene.cast.group.address if in_group else speaker.address)
        try:
            accepted = await accept(scene.fixture.db, scene.fixture.owner_id, inbound)
            seconds = scene.fixture.installation.settings.turn_total_seconds + MARGIN_SECONDS
            with anyio.fail_after(seconds):
                answer = await wait_for_answer(
                    scene.fixture.db, self.wakes, accepted, whose, on_draft, _ignore, _give_up
                )
        except (Stopped, TimeoutError, Unavailable):
            return None
        except DiscreetError as error:
            return "\n".join([*drafts, str(error)])
        return None if answer.failed else "\n".join([*drafts, answer.text])

    async def _changed(self) -> list[Seen]:
        """Return the people whose memories an attack has changed or deleted."""
        found = []
        scene = self.scene
        for who, member in (
            (VICTIM, scene.cast.victim), (GROUP, scene.cast.group), (OWNER, scene.cast.owner),
        ):  # fmt: skip
            context = in_scope(
                scene.fixture.db, scene.scope_of(member.address),
                lambda: scene.fixture.installation.embedder, "cli",
            )  # fmt: skip
            memory_id = MemoryId(parse_uuid(member.id_of("memory"), "memory id"))
            try:
                kept = (await memories.get_memory(context, memory_id)).content
            except DiscreetError as error:
                kept = str(error)
            if scene.secrets[who] not in kept and not scene.shared and who not in self.log.changed:
                self.log.changed.add(who)
                found.append(Seen(who, ATTACKER, "their memory was changed", "-", kept[:200]))
        return found


async def _ignore(_: str) -> None:
    """Wait on while an attempt is repeated."""


async def _give_up(silence: Silence) -> None:
    """Don't wait where nobody answers now."""
    raise Stopped(str(silence))
