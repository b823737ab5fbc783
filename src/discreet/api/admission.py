"""Who may write: admission policies, pairing requests, the owner's addresses, limits, quarantine.

Owner's tokens only.
"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from discreet.api.dependencies import OwnerCaller, SenderParameter
from discreet.api.problems import documented
from discreet.domain.addresses import Address
from discreet.domain.errors import BadInput
from discreet.domain.ids import ContactId
from discreet.schemas import admission as wire
from discreet.schemas.limits import BudgetList, BudgetToSet, ContactLimits
from discreet.schemas.quarantine import (
    ListQuarantine,
    QuarantineList,
    QuarantineRetried,
    QuarantineToRetry,
)
from discreet.services import admission, budgets, contacts, limits, quarantine

router = APIRouter(prefix="/api/admin", tags=["admission"])

OneContact = Annotated[
    UUID | None, Query(description="The limits of this contact. Default: those of everyone else.")
]


@router.get("/admission", responses=documented(), operation_id="list_admission")
async def policies(who: OwnerCaller) -> wire.ChannelPolicyList:
    """List the channels and who may write on each."""
    return wire.ChannelPolicyList(items=await admission.list_policies(who.db, who.owner_id))


@router.post("/admission", responses=documented(404, 409), operation_id="set_admission")
async def set_policy(who: OwnerCaller, given: wire.AdmissionToSet) -> wire.AdmissionSet:
    """Set who may write on an agent's channels of a platform, from the next message on."""
    return await admission.set_admission(
        who.db, who.owner_id, given.agent, given.platform, given.admission
    )


@router.post("/admission/allow", responses=documented(404, 409), operation_id="allow_address")
async def allow(who: OwnerCaller, given: wire.AddressToAllow) -> wire.AddressAllowed:
    """Allow an address before it has written."""
    contact_id = await admission.allow_address(
        who.db, who.owner_id, given.agent, Address.parse(given.address), of_group=given.group
    )
    return wire.AddressAllowed(contact_id=contact_id)


@router.get("/pairings", responses=documented(), operation_id="list_pairings")
async def pairings(who: OwnerCaller) -> wire.PairingList:
    """List the strangers waiting for approval, newest first."""
    return wire.PairingList(items=await admission.list_pairings(who.db, who.owner_id))


@router.post("/pairings/decide", responses=documented(404), operation_id="decide_pairing")
async def decide(who: OwnerCaller, given: wire.PairingToDecide) -> wire.PairingDecided:
    """Admit or deny a stranger."""
    return await admission.decide_pairing(who.db, who.owner_id, given.who, let_in=given.let_in)


@router.get("/owner/addresses", responses=documented(), operation_id="list_owner_addresses")
async def owner_addresses(who: OwnerCaller) -> wire.OwnerAddressList:
    """List the owner's own addresses."""
    found = await admission.list_owner_addresses(who.db, who.owner_id)
    return wire.OwnerAddressList(items=found)


@router.post(
    "/owner/addresses", status_code=201, responses=documented(), operation_id="make_owner_link"
)
async def owner_link(who: OwnerCaller, given: wire.OwnerLinkToMake) -> wire.OwnerLink:
    """Create a code that links an account on a platform to the owner."""
    code = await admission.make_owner_link(who.db, who.owner_id, given.platform)
    return wire.OwnerLink(code=code)


@router.delete("/owner/addresses", responses=documented(404), operation_id="unlink_owner")
async def unlink_owner(
    who: OwnerCaller,
    address: Annotated[str, Query(max_length=260, description="platform:id")],
) -> wire.OwnerAddressList:
    """Unlink one of the owner's addresses, and list the remaining ones."""
    await admission.unlink_owner(who.db, who.owner_id, address)
    return await owner_addresses(who)


async def _named(who: OwnerCaller, contact_id: UUID | None, sender: str | None) -> str | None:
    if contact_id is None:
        return sender
    if sender is not None:
        raise BadInput("sender and contact_id can't be used together.", hint="Give one of them.")
    return str((await contacts.get_contact(who.db, who.owner_id, ContactId(contact_id))).contact.id)


@router.get("/limits", responses=documented(404), operation_id="get_limits")
async def get_limits(
    who: OwnerCaller, contact_id: OneContact = None, sender: SenderParameter = None
) -> ContactLimits:
    """Get the limits of a contact, or of everyone without limits of their own."""
    return await limits.get_limits(who.db, who.owner_id, await _named(who, contact_id, sender))


@router.patch("/limits", responses=documented(404), operation_id="set_limits")
async def set_limits(
    who: OwnerCaller,
    given: ContactLimits,
    contact_id: OneContact = None,
    sender: SenderParameter = None,
) -> ContactLimits:
    """Set limits, from the next message on. Fields you leave out stay as they are."""
    named = await _named(who, contact_id, sender)
    return await limits.set_limits(who.db, who.owner_id, named, given)


@router.delete("/limits", responses=documented(404), operation_id="reset_limits")
async def reset_limits(
    who: OwnerCaller, contact_id: OneContact = None, sender: SenderParameter = None
) -> ContactLimits:
    """Remove the limits that were set, and return those in force."""
    return await limits.reset_limits(who.db, who.owner_id, await _named(who, contact_id, sender))


@router.get("/budgets", responses=documented(), operation_id="list_budgets")
async def list_budgets(who: OwnerCaller) -> BudgetList:
    """List the daily budgets of all contacts together, and today's usage."""
    return BudgetList(items=await budgets.list_budgets(who.db, who.owner_id))


@router.put("/budgets", responses=documented(404), operation_id="set_budget")
async def set_budget(who: OwnerCaller, given: BudgetToSet) -> BudgetList:
    """Set the budget of one agent or of all agents together, and list all budgets."""
    return BudgetList(items=await budgets.set_budget(who.db, who.owner_id, given))


@router.delete("/budgets", responses=documented(404), operation_id="remove_budget")
async def remove_budget(
    who: OwnerCaller,
    agent: Annotated[
        str | None, Query(description="An agent's name. Default: all agents together.")
    ] = None,
) -> BudgetList:
    """Remove a budget, and list the remaining ones."""
    return BudgetList(items=await budgets.remove_budget(who.db, who.owner_id, agent))


@router.get("/quarantine", responses=documented(), operation_id="list_quarantine")
async def quarantined(
    who: OwnerCaller, given: Annotated[ListQuarantine, Query()]
) -> QuarantineList:
    """List the messages whose sender could not be resolved, oldest first."""
    found = await quarantine.list_quarantine(
        who.db, who.owner_id, limit=given.limit, skip=given.skip
    )
    return QuarantineList(items=found)


@router.post("/quarantine/retry", responses=documented(404), operation_id="retry_quarantine")
async def retry(who: OwnerCaller, given: QuarantineToRetry) -> QuarantineRetried:
    """Retry resolving the senders of quarantined messages now."""
    return await quarantine.retry_quarantine(who.db, who.owner_id, given.id)
