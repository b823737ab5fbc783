"""Channels: connect accounts on platforms to agents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from discreet.auth.channel_secrets import drop_secret, load_secret, save_secret
from discreet.contacts.agent_names import full_name
from discreet.domain.errors import BadInput, Conflict, NotFound, SecretMissing
from discreet.domain.ids import ChannelId, OwnerId
from discreet.domain.labels import label_of
from discreet.domain.platform import ChannelSecret, Identity, Platform
from discreet.schemas.channels import MAX_DEBOUNCE_SECONDS, WEB, ConnectedChannel
from discreet.scope import OwnerScope, ScopedDatabase, Transaction
from discreet.services.web_chats import WebChatAccess, remove_web_chat, unreadable_chats


async def terminal_of(tx: Transaction, agent: str | None) -> ChannelId:
    """Return the terminal of the agent of this name; None: of the agent created first.

    Raises:
        NotFound: the owner has no such agent.
    """
    if agent is not None:
        agent = await full_name(tx, agent)
    channel_id = await tx.value(
        "SELECT c.id FROM discreet.channels c JOIN discreet.agents a ON a.id = c.agent_id"
        " WHERE c.platform = 'terminal' AND c.closed_at IS NULL"
        "   AND (%(agent)s::text IS NULL OR a.name = %(agent)s)"
        " ORDER BY a.created_at, a.id LIMIT 1",
        {"agent": agent},
    )
    if channel_id is None:
        raise NotFound("There is no such agent.", hint="See: sb agents list")
    return ChannelId(channel_id)


_CONNECTED = (
    "SELECT c.id, a.name AS agent, c.platform, c.account, c.name, c.debounce, c.created_at,"
    " c.contact_labels"
    "  FROM discreet.channels c JOIN discreet.agents a ON a.id = c.agent_id"
    " WHERE c.closed_at IS NULL AND c.platform <> 'terminal' AND c.parent_id IS NULL"
)
_WEB_CHATS = (
    "SELECT w.id, a.name AS agent, 'web' AS platform, w.id::text AS account, w.name,"
    " interval '0' AS debounce, w.created_at, w.origins"
    "  FROM discreet.web_chats w JOIN discreet.agents a ON a.id = w.agent_id"
)


async def list_channels(db: ScopedDatabase, owner_id: OwnerId) -> list[ConnectedChannel]:
    """Return every connection to a platform and every web chat, oldest first."""
    async with db.begin(OwnerScope(owner_id)) as tx:
        found = [*await tx.fetch(_CONNECTED), *await tx.fetch(_WEB_CHATS)]
    channels = [ConnectedChannel(**row) for row in found]
    return sorted(channels, key=lambda one: (one.created_at, str(one.id)))


async def find_channel(db: ScopedDatabase, owner_id: OwnerId, what: str) -> ConnectedChannel:
    """Find a channel by name (with or without @), account or id, or a platform's only one.

    ``telegram:shop`` and ``web:shop`` tell channels of one name apart.

    Raises:
        NotFound: there is none.
        BadInput: several are called like this.
    """
    wanted = what.strip().lower()
    channels = await list_channels(db, owner_id)
    found = [one for one in channels if wanted.removeprefix("@") in _names_of(one)]
    found = found or [one for one in channels if one.platform == wanted]
    if len(found) == 1:
        return found[0]
    if not found:
        raise NotFound(f"There is no channel {what[:100]!a}.", hint="See: sb channels list")
    names = ", ".join(f"{one.platform}:{one.name or one.account}" for one in found)
    raise BadInput(f"Several channels are called {what[:100]!a}.", hint=f"Write one of: {names}.")


def _names_of(channel: ConnectedChannel) -> set[str]:
    name = channel.name.lower()
    return {
        *({name, f"{channel.platform}:{name}"} if name else ()),
        channel.account.lower(),
        f"{channel.platform}:{channel.account}".lower(),
        str(channel.id),
    }


def refuse_web(channel: ConnectedChannel, why: str, hint: str = "") -> None:
    """Refuse what a web chat doesn't have.

    Raises:
        Conflict: the channel is a web chat.
    """
    if channel.platform == WEB:
        raise Conflict(f"{channel.label} is a web chat. {why}", hint=hint)


@dataclass(frozen=True, slots=True)
class ChannelAccess:
    """The parts needed to connect channels. ``key`` encrypts their secrets."""

    db: ScopedDatabase
    owner_id: OwnerId
    platforms: Mapping[str, Platform]
    key: bytes = field(repr=False)


async def connect_channel(
    access: ChannelAccess,
    agent: str | None,
    platform: str,
    secret: ChannelSecret,
    account: str = "",
) -> ConnectedChannel:
    """Connect an account to an agent, after the platform has identified the secret's account.

    Raises:
        BadInput: the platform rejects the secret, or is unknown.
        Unavailable: the platform can't be reached; nothing was stored.
        NotFound, Conflict: there is no such agent; the account leads to another one.
    """
    if platform not in access.platforms:
        raise BadInput(
            f"{platform!a} is not a known platform.",
            hint=f"Known platforms: {', '.join(access.platforms)}.",
        )
    me = await access.platforms[platform].identify(secret, account)
    return await add_channel(access.db, access.owner_id, agent, platform, me, secret, access.key)


async def test_channel(access: ChannelAccess, what: str) -> ConnectedChannel:
    """Ask the platform whether a channel works.

    Raises:
        NotFound: there is no such channel.
        SecretMissing: its secret is missing, or can't be read on this server.
        BadInput, Unavailable: the platform's answer.
    """
    channel = await find_channel(access.db, access.owner_id, what)
    if channel.platform == WEB:
        if channel in await unreadable_secrets(access):
            raise SecretMissing(
                f"The secret of {channel.label} was stored by a server with other credentials.",
                hint="Remove the chat and add it again, or copy that server's credentials here.",
            )
        return channel
    async with access.db.begin(OwnerScope(access.owner_id)) as tx:
        secret = await load_secret(tx, access.key, channel.platform, channel.account)
    if secret is None:
        raise NotFound(f"{channel.label} was removed.", hint="See: sb channels list")
    await access.platforms[channel.platform].identify(secret, channel.account)
    return channel


async def disconnect_channel(access: ChannelAccess, what: str) -> ConnectedChannel:
    """Disconnect a channel and delete its secret; its conversations are kept.

    The visitors of a web chat are signed out.

    Raises:
        NotFound: there is no such channel.
    """
    channel = await find_channel(access.db, access.owner_id, what)
    if channel.platform == WEB:
        await remove_web_chat(access.db, access.owner_id, channel.name)
        return channel
    await remove_channel(access.db, access.owner_id, channel.id)
    return channel


async def add_channel(
    db: ScopedDatabase,
    owner_id: OwnerId,
    agent: str | None,
    platform: str,
    me: Identity,
    secret: ChannelSecret,
    key: bytes,
) -> ConnectedChannel:
    """Connect an account to an agent, or update its name and secret.

    ``agent`` None: the agent created first. ``key`` encrypts the secret.

    Raises:
        NotFound: the owner has no such agent.
        Conflict: the account leads to another agent.
    """
    async with db.begin(OwnerScope(owner_id)) as tx:
        if agent is not None:
            agent = await full_name(tx, agent)
        owners = await tx.fetch_one(
            "SELECT a.id, a.name FROM discreet.agents a"
            " WHERE %(agent)s::text IS NULL OR a.name = %(agent)s"
            " ORDER BY a.created_at, a.id LIMIT 1",
            {"agent": agent},
        )
        if owners is None:
            raise NotFound("There is no such agent.", hint="See: sb agents list")
        values = {
            "account": me.account,
            "platform": platform,
            "name": me.name,
            "agent": owners["id"],
        }
        known = await tx.fetch_one(
            _CONNECTED + " AND c.platform = %(platform)s AND c.account = %(account)s", values
        )
        if known is not None and known["agent"] != owners["name"]:
            raise Conflict(
                f"@{known['name']} already leads to {known['agent']}.",
                hint=f"Remove it first: sb channels remove {known['name']}",
            )
        if known is None:
            await tx.execute(
                "INSERT INTO discreet.channels (agent_id, platform, account, name)"
                " VALUES (%(agent)s, %(platform)s, %(account)s, %(name)s)",
                values,
            )
        else:
            await tx.execute(
                "UPDATE discreet.channels SET name = %(name)s WHERE id = %(id)s",
                {"name": me.name, "id": known["id"]},
            )
        await save_secret(tx, key, platform, me.account, secret)
    return await find_channel(db, owner_id, me.account)


async def unreadable_secrets(access: ChannelAccess) -> list[ConnectedChannel]:
    """Return the channels whose secret is there and can't be read with the key of this home."""
    found = await list_channels(access.db, access.owner_id)
    chats = await unreadable_chats(WebChatAccess(access.db, access.owner_id, access.key))
    unreadable = [one for one in found if one.id in chats]
    for channel in found:
        if channel.platform == WEB:
            continue
        try:
            async with access.db.begin(OwnerScope(access.owner_id)) as tx:
                await load_secret(tx, access.key, channel.platform, channel.account)
        except SecretMissing:
            unreadable.append(channel)
    return unreadable


async def set_debounce(
    db: ScopedDatabase, owner_id: OwnerId, channel_id: ChannelId, seconds: float
) -> None:
    """Set how many seconds to wait for follow-up messages, from the next message on.

    Raises:
        BadInput: negative, or more than a minute.
        Conflict: it is a web chat.
    """
    refuse_web(
        await find_channel(db, owner_id, str(channel_id)), "Its messages are answered one by one."
    )
    if not 0 <= seconds <= MAX_DEBOUNCE_SECONDS:
        raise BadInput(f"{seconds:g} seconds is out of range.", hint="Use 0 to 60.")
    async with db.begin(OwnerScope(owner_id)) as tx:
        await tx.execute(
            "UPDATE discreet.channels SET debounce = %(debounce)s WHERE %(id)s IN (id, parent_id)",
            {"debounce": timedelta(seconds=seconds), "id": channel_id},
        )


async def set_contact_labels(
    db: ScopedDatabase, owner_id: OwnerId, channel_id: ChannelId, labels: Iterable[str]
) -> None:
    """Set the labels that contacts get when they are admitted here, from now on.

    On an open channel that is when they first write to the agent.

    Raises:
        BadInput: a label is invalid.
        Conflict: it is a web chat.
    """
    refuse_web(
        await find_channel(db, owner_id, str(channel_id)),
        "A web chat admits nobody, so it gives no labels.",
        "To label a visitor: sb contacts label",
    )
    wanted = sorted({label_of(one) for one in labels})
    async with db.begin(OwnerScope(owner_id)) as tx:
        await save_contact_labels(tx, channel_id, wanted)


async def save_contact_labels(
    tx: Transaction, channel_id: ChannelId, labels: Iterable[str]
) -> None:
    await tx.execute(
        "UPDATE discreet.channels SET contact_labels = %(labels)s WHERE %(id)s IN (id, parent_id)",
        {"labels": list(labels), "id": channel_id},
    )


async def remove_channel(db: ScopedDatabase, owner_id: OwnerId, channel_id: ChannelId) -> None:
    """Disconnect a channel and delete its secret.

    Its conversations are kept; nothing is received or sent on it any more.
    """
    async with db.begin(OwnerScope(owner_id)) as tx:
        row = await tx.fetch_one(
            "SELECT platform, account FROM discreet.channels"
            " WHERE id = %(id)s AND closed_at IS NULL AND parent_id IS NULL",
            {"id": channel_id},
        )
        if row is not None:
            await drop_secret(tx, row["platform"], row["account"])
        await tx.execute(
            "UPDATE discreet.channels SET closed_at = clock_timestamp()"
            " WHERE %(id)s IN (id, parent_id) AND closed_at IS NULL",
            {"id": channel_id},
        )
