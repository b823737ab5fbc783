"""Admission: who may write, by channel, code or name; and the owner's own accounts."""

from __future__ import annotations

from discreet.contacts.agent_names import full_name
from discreet.contacts.pairing import (
    decide,
    find_pairing,
    no_such_pairing,
    pending_pairings,
)
from discreet.domain.addresses import Address, known_platforms
from discreet.domain.errors import BadInput, Conflict, NotFound
from discreet.domain.ids import ContactId, OwnerId
from discreet.schemas.admission import (
    Admission,
    AdmissionSet,
    ChannelPolicy,
    Pairing,
    PairingDecided,
)
from discreet.schemas.channels import WEB
from discreet.scope import OwnerScope, ScopedDatabase, Transaction

_CHANNELS = """
    SELECT c.id, a.id AS agent_id, a.name AS agent, c.platform, c.account,
           c.name, c.admission,
           (SELECT count(*) FROM discreet.admissions d WHERE d.channel_id = c.id) AS admitted
      FROM discreet.channels c JOIN discreet.agents a ON a.id = c.agent_id
     WHERE c.platform <> 'terminal' AND c.closed_at IS NULL AND c.parent_id IS NULL
"""
_WEB_CHATS = """
    SELECT w.id, a.id AS agent_id, a.name AS agent, 'web' AS platform, w.id::text AS account,
           w.name, 'open' AS admission,
           (SELECT count(*) FROM discreet.addresses v
             WHERE v.platform = 'web' AND starts_with(v.platform_id, w.name || '/')) AS admitted
      FROM discreet.web_chats w JOIN discreet.agents a ON a.id = w.agent_id
"""


async def list_policies(db: ScopedDatabase, owner_id: OwnerId) -> list[ChannelPolicy]:
    """Return every channel except terminals, which have no admission. Web chats are open."""
    async with db.begin(OwnerScope(owner_id)) as tx:
        return await _policies(tx)


async def set_admission(
    db: ScopedDatabase, owner_id: OwnerId, agent: str, platform: str, admission: Admission
) -> AdmissionSet:
    """Set who may write on an agent's channels of a platform, from the next message on.

    Opening a channel admits everyone who is waiting there; their messages are answered now. Return
    the channels, and how many were admitted.

    Raises:
        NotFound: the agent has no channel of this platform.
        Conflict: ``open``, with an agent whose memory everybody shares.
    """
    async with db.begin(OwnerScope(owner_id)) as tx:
        agent = await full_name(tx, agent)
        # Locked like in `sb agents set`, so that the two can't run concurrently.
        await tx.fetch(
            "SELECT id FROM discreet.agents WHERE name = %(name)s FOR UPDATE", {"name": agent}
        )
        if platform == WEB:
            return await _set_of_web(tx, agent, admission)
        ids = [channel.id for channel in await _channels_of(tx, agent, platform)]
        # A channel's branches admit the same senders as the channel.
        sharing = await tx.value(
            "SELECT a.name FROM discreet.channels c JOIN discreet.agents a ON a.id = c.agent_id"
            " WHERE (c.id = ANY (%(ids)s) OR c.parent_id = ANY (%(ids)s))"
            "   AND c.closed_at IS NULL AND a.memory_model = 'shared' LIMIT 1",
            {"ids": ids},
        )
        if admission == "open" and sharing is not None:
            raise Conflict(
                f"{sharing} shares one memory with everybody it talks to, so its channels can't be "
                "open to strangers.",
                hint="Choose pairing or allowlist, or an agent that remembers per contact.",
            )
        await tx.execute(
            "UPDATE discreet.channels SET admission = %(admission)s"
            " WHERE (id = ANY (%(ids)s) OR parent_id = ANY (%(ids)s)) AND closed_at IS NULL",
            {"admission": admission, "ids": ids},
        )
        waiting = 0
        if admission == "open":
            waiting = await tx.value(
                "SELECT count(gate.decide_pairing(p.id, true)) FROM discreet.pairings p"
                " JOIN discreet.channels c ON c.id = p.channel_id"
                " WHERE (c.id = ANY (%(ids)s) OR c.parent_id = ANY (%(ids)s))"
                "   AND p.state = 'pending'",
                {"ids": ids},
            )
        return AdmissionSet(items=await _channels_of(tx, agent, platform), let_in=waiting)


async def allow_address(
    db: ScopedDatabase, owner_id: OwnerId, agent: str, address: Address, *, of_group: bool
) -> ContactId:
    """Admit a person or group that may not have written yet; return the contact.

    Raises:
        NotFound: the agent has no channel of this platform.
        Conflict: the address is the owner's own.
    """
    async with db.begin(OwnerScope(owner_id)) as tx:
        agent = await full_name(tx, agent)
        if address.platform == WEB:
            await _channels_of(tx, agent, WEB)
            raise Conflict("Everybody who can see its pages may write in a web chat already.")
        contact_id = None
        for channel in await _channels_of(tx, agent, address.platform):
            contact_id = await tx.value(
                "SELECT gate.admit_sender(%(channel)s, %(platform)s, %(id)s, %(kind)s)",
                {
                    "channel": channel.id,
                    "platform": address.platform,
                    "id": address.platform_id,
                    "kind": "group" if of_group else "external",
                },
            )
    if contact_id is None:
        raise Conflict(f"{address} is your own.", hint="The owner is always admitted.")
    return ContactId(contact_id)


async def list_pairings(db: ScopedDatabase, owner_id: OwnerId) -> list[Pairing]:
    """Return everyone waiting to be admitted, newest first."""
    async with db.begin(OwnerScope(owner_id)) as tx:
        return await pending_pairings(tx)


async def decide_pairing(
    db: ScopedDatabase, owner_id: OwnerId, who: str, *, let_in: bool
) -> PairingDecided:
    """Admit or deny the person behind a code or an address; return the number of held messages."""
    async with db.begin(OwnerScope(owner_id)) as tx:
        found = await find_pairing(tx, who)
        messages = sum([await decide(tx, pairing, let_in=let_in) for pairing in found])
    if not found:
        raise no_such_pairing(who)
    return PairingDecided(pairing=found[0], messages=messages)


async def make_owner_link(db: ScopedDatabase, owner_id: OwnerId, platform: str) -> str:
    """Return a code of eight characters that links the account sending it to the owner.

    It must be sent in a direct chat.

    Raises:
        BadInput: no such platform.
    """
    if platform not in known_platforms() or platform == "terminal":
        raise BadInput(
            f"{platform!a} is not a known platform.", hint="Example: sb owner link telegram"
        )
    async with db.begin(OwnerScope(owner_id)) as tx:
        code = await tx.value("SELECT gate.make_owner_link(%(platform)s)", {"platform": platform})
    return str(code)


async def unlink_owner(db: ScopedDatabase, owner_id: OwnerId, account: str) -> None:
    """Unlink an account from the owner: its person becomes a new contact.

    It gets no more notices. Its earlier messages stay in the owner's own sessions.

    Raises:
        BadInput: it isn't written ``platform:id``.
        NotFound: it isn't one of the owner's accounts.
    """
    address = Address.parse(account)
    async with db.begin(OwnerScope(owner_id)) as tx:
        unlinked = await tx.value(
            "SELECT gate.unlink_owner(%(platform)s, %(id)s)",
            {"platform": address.platform, "id": address.platform_id},
        )
    if not unlinked:
        raise NotFound(f"{address} is not linked to you.", hint="See: sb owner list")


async def list_owner_addresses(db: ScopedDatabase, owner_id: OwnerId) -> list[str]:
    """Return the owner's own accounts, written ``platform:id``."""
    async with db.begin(OwnerScope(owner_id)) as tx:
        found = await tx.fetch(
            "SELECT platform || ':' || platform_id AS address FROM discreet.addresses"
            " WHERE of_owner ORDER BY created_at"
        )
    return [row["address"] for row in found]


async def _policies(tx: Transaction) -> list[ChannelPolicy]:
    found = await tx.fetch(_CHANNELS + " ORDER BY a.created_at, c.created_at, c.id")
    chats = await tx.fetch(_WEB_CHATS + " ORDER BY a.created_at, w.created_at, w.id")
    return [ChannelPolicy(**row) for row in (*found, *chats)]


async def _set_of_web(tx: Transaction, agent: str, admission: Admission) -> AdmissionSet:
    """Return an agent's web chats, which are open and stay so."""
    chats = await _channels_of(tx, agent, WEB)
    if admission != "open":
        raise Conflict(
            "A web chat is open to everybody who can see its pages.",
            hint=f"To close it: sb channels remove {chats[0].name}. To stop one visitor: sb"
            " contacts block",
        )
    return AdmissionSet(items=chats, let_in=0)


async def _channels_of(tx: Transaction, agent: str, platform: str) -> list[ChannelPolicy]:
    channels = [
        policy
        for policy in await _policies(tx)
        if (policy.agent, policy.platform) == (agent, platform)
    ]
    if not channels:
        raise NotFound(
            f"There is no channel of {agent!a} on {platform}.", hint="See: sb admission list"
        )
    return channels
