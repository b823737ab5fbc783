"""Contacts and agents: the address book and who answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from uuid import UUID

from discreet.client.transport import Transport, Versioned
from discreet.schemas.agents import (
    Agent,
    AgentDeleted,
    AgentName,
    AgentPage,
    AgentPatch,
    AgentToDelete,
    NewAgent,
)
from discreet.schemas.contacts import (
    Contact,
    ContactPage,
    ContactPatch,
    NameResolved,
    ResolvedContact,
)
from discreet.schemas.held_answers import AnswersToHold
from discreet.schemas.links import Erased, ErasureList, Link, LinkList, LinkToMake
from discreet.schemas.owner_messages import ToldContact, ToldContacts, ToTell, ToTellLabelled
from discreet.schemas.references import (
    Published,
    ReferenceList,
    ReferencesToChange,
    ReferencesToPublish,
)
from discreet.schemas.reminders import Reminder, ReminderList
from discreet.schemas.takeover import Said, SpokenLines, ToSay


class DirectoryCalls(Transport):
    """Calls about contacts and agents. Owner's tokens; an agent's token may resolve an address."""

    async def resolve_contact(
        self,
        platform: str,
        platform_id: str,
        *,
        auto_create: bool,
        name: str = "",
        kind: str = "external",
    ) -> ResolvedContact:
        """Return the contact behind an address."""
        return await self._post(
            ResolvedContact,
            "/api/admin/contacts/resolve",
            {
                "platform": platform,
                "platform_id": platform_id,
                "auto_create": auto_create,
                "name": name,
                "type": kind,
            },
        )

    async def resolve_name(self, name: str) -> NameResolved:
        """Return the contacts that a name may mean."""
        return await self._post(NameResolved, "/api/admin/contacts/resolve-name", {"name": name})

    def contacts(self) -> AsyncIterator[Contact]:
        """Return all contacts, newest first."""
        return self._pages(ContactPage, "/api/admin/contacts")

    async def contact(self, contact_id: UUID) -> Versioned:
        """Return one contact."""
        return await self._versioned(Contact, "GET", f"/api/admin/contacts/{contact_id}")

    async def update_contact(
        self, contact_id: UUID, patch: ContactPatch, *, if_match: str | None = None
    ) -> Versioned:
        """Set a contact's name, aliases, note, or whether it is blocked or on hold."""
        return await self._versioned(
            Contact, "PATCH", f"/api/admin/contacts/{contact_id}", patch, if_match
        )

    async def erase_contact(self, contact_id: UUID) -> Erased:
        """Permanently erase a contact. Return the receipt."""
        return await self._delete(Erased, f"/api/admin/contacts/{contact_id}")

    async def erasures(self) -> ErasureList:
        """Return the receipts of erasures."""
        return await self._get(ErasureList, "/api/admin/erasures")

    async def link_contacts(self, given: LinkToMake) -> Link:
        """Merge one contact into another."""
        return await self._post(Link, "/api/admin/links", given)

    async def links(self) -> LinkList:
        """Return the links between contacts, including those that were undone."""
        return await self._get(LinkList, "/api/admin/links")

    async def undo_link(self, link_id: UUID) -> Link:
        """Undo a link."""
        return await self._delete(Link, f"/api/admin/links/{link_id}")

    async def take_over(self, contact_id: UUID) -> Contact:
        """Silence the agent for a contact."""
        return await self._post(Contact, f"/api/admin/contacts/{contact_id}/takeover", None)

    async def hand_back(self, contact_id: UUID) -> Contact:
        """Hand a contact back to the agent."""
        return await self._delete(Contact, f"/api/admin/contacts/{contact_id}/takeover")

    async def speak(self, contact_id: UUID, given: ToSay) -> Said:
        """Say something in person to a contact that was taken over."""
        return await self._post(Said, f"/api/admin/contacts/{contact_id}/say", given)

    async def hold_answers(self, contact_id: UUID, given: AnswersToHold) -> Contact:
        """Let answers to a contact wait for approval, or not."""
        return await self._post(Contact, f"/api/admin/contacts/{contact_id}/drafts", given)

    async def tell(self, contact_id: UUID, given: ToTell) -> ToldContact:
        """Say something to a contact, where it wrote last."""
        return await self._post(ToldContact, f"/api/admin/contacts/{contact_id}/tell", given)

    async def tell_labelled(self, given: ToTellLabelled) -> ToldContacts:
        """Message every contact with a label, or preview who would get it."""
        return await self._post(ToldContacts, "/api/admin/contacts/tell", given)

    async def reminders(self, *, contact_id: UUID | None = None) -> ReminderList:
        """Return the reminders that are still to come, the next one first."""
        whose = None if contact_id is None else str(contact_id)
        return await self._get(ReminderList, "/api/admin/reminders", contact_id=whose)

    async def cancel_reminder(self, reminder_id: UUID) -> Reminder:
        """Cancel a reminder. The contact isn't told."""
        return await self._delete(Reminder, f"/api/admin/reminders/{reminder_id}")

    async def lines(
        self, contact_id: UUID, *, after: datetime | None = None, limit: int = 50
    ) -> SpokenLines:
        """Return the newest lines of a contact, oldest first."""
        return await self._get(
            SpokenLines,
            f"/api/admin/contacts/{contact_id}/lines",
            after=None if after is None else after.isoformat(),
            limit=limit,
        )

    def agents(self) -> AsyncIterator[Agent]:
        """Return the owner's agents, the newest first."""
        return self._pages(AgentPage, "/api/admin/agents")

    async def agent(self, agent_id: UUID) -> Versioned:
        """Return one agent."""
        return await self._versioned(Agent, "GET", f"/api/admin/agents/{agent_id}")

    async def create_agent(self, new: NewAgent, *, idempotency_key: str | None = None) -> Versioned:
        """Create an agent."""
        return await self._versioned(
            Agent, "POST", "/api/admin/agents", new, idempotency_key=idempotency_key
        )

    async def update_agent(
        self, agent_id: UUID, patch: AgentPatch, *, if_match: str | None = None
    ) -> Versioned:
        """Set an agent's role, instructions, model, or memory model."""
        return await self._versioned(
            Agent, "PATCH", f"/api/admin/agents/{agent_id}", patch, if_match
        )

    async def rename_agent(self, agent_id: UUID, given: AgentName) -> Agent:
        """Give an agent another name."""
        return await self._post(Agent, f"/api/admin/agents/{agent_id}/rename", given)

    async def delete_agent(self, agent_id: UUID, given: AgentToDelete) -> AgentDeleted:
        """Delete an agent, or preview that."""
        return await self._post(AgentDeleted, f"/api/admin/agents/{agent_id}/delete", given)

    async def pause_agent(self, agent_id: UUID) -> Agent:
        """Pause an agent."""
        return await self._post(Agent, f"/api/admin/agents/{agent_id}/pause", None)

    async def resume_agent(self, agent_id: UUID) -> Agent:
        """Resume an agent."""
        return await self._post(Agent, f"/api/admin/agents/{agent_id}/resume", None)

    async def references(self, agent_id: UUID) -> ReferenceList:
        """Return the reference texts of an agent."""
        return await self._get(ReferenceList, f"/api/admin/agents/{agent_id}/references")

    async def publish_references(self, agent_id: UUID, given: ReferencesToPublish) -> Published:
        """Replace the reference texts of an agent."""
        return await self._send(Published, "PUT", f"/api/admin/agents/{agent_id}/references", given)

    async def change_references(self, agent_id: UUID, given: ReferencesToChange) -> Published:
        """Publish some reference texts of an agent, and take others back."""
        path = f"/api/admin/agents/{agent_id}/references"
        return await self._send(Published, "PATCH", path, given)
