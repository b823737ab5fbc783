"""A channel of files: what is put into ``in`` is a message, answers are written into ``out``."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from discreet.domain.addresses import Address
from discreet.domain.errors import BadInput, Unavailable
from discreet.domain.ids import ChannelId
from discreet.domain.inbound import AddressSender, Group, Inbound, Sender, UnknownSender
from discreet.domain.outbound import (
    Later,
    Outbound,
    Rejected,
    SendResult,
    Sent,
    Unreachable,
)
from discreet.domain.platform import (
    Accounts,
    ChannelSecret,
    Event,
    Identity,
    OpenChannel,
    ReceiveContext,
)
from discreet.settings import Settings

PLATFORM = "folder"
MAX_CHARACTERS = 2000
LOOK_SECONDS = 0.3


class FolderPlatform:
    """Folders; ``account`` is the path of one."""

    name = PLATFORM

    def __init__(self, settings: Settings) -> None:
        """Settings of its own a platform reads from the environment."""

    def open(self, accounts: Accounts) -> FolderChannel:
        """Nothing has to be connected."""
        return FolderChannel(accounts)

    async def identify(self, secret: ChannelSecret, account: str) -> Identity:
        """Whoever knows what is in the file ``token`` may connect the folder."""
        folder = Path(account)
        if not folder.is_absolute():
            raise BadInput(f"{account!a} is no whole path.", hint="Like /srv/desk.")
        try:
            expected = (folder / "token").read_text(encoding="utf-8").strip()
        except OSError as error:
            raise Unavailable(
                f"{account} can't be read: {error.strerror}.", hint="Put a file named token there."
            ) from None
        if not hmac.compare_digest(expected.encode(), secret.token.encode()):
            raise BadInput("That is not the folder's token.", hint="It is in its file token.")
        return Identity(account, folder.name)

    def parse(
        self,
        payload: Mapping[str, Any],
        me: Identity,  # noqa: ARG002
        channel_id: ChannelId,
    ) -> Sequence[Event]:
        """One file is one message."""
        if "id" not in payload or "text" not in payload:
            return ()
        group = payload.get("group")
        sent_at = datetime.fromtimestamp(float(payload.get("at", 0)), UTC)
        return (
            Inbound(
                channel_id=channel_id,
                chat_id=str(payload.get("chat", "unknown")),
                message_id=str(payload["id"]),
                sender=_sender(payload),
                text=str(payload["text"]),
                sent_at=sent_at,
                group=None if group is None else Group(Address.parse(f"{PLATFORM}:{group}")),
                addressed=group is None and not payload.get("edited", False),
            ),
        )

    async def receive(self, context: ReceiveContext) -> None:
        """Looks for files; one is removed once its message is stored."""
        folder = Path(context.account)
        me = await self.identify(context.secret, context.account)
        async with context.leader_lock() as ensure_leader:
            while True:
                await ensure_leader()
                for file in sorted((folder / "in").glob("*.json")):
                    try:
                        payload = json.loads(file.read_text(encoding="utf-8"))
                    except ValueError:
                        continue  # half written; it is read the next time
                    for event in self.parse(payload, me, context.channel_id):
                        await context.sink(event)
                    file.unlink()
                await asyncio.sleep(LOOK_SECONDS)


class FolderChannel(OpenChannel):
    """Writes into whichever folder an answer belongs to. It shows no typing and no drafts, and has
    no files; the contract says that for it."""

    platform = PLATFORM

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    def parts(self, text: str) -> int:
        """How many files an answer takes."""
        return len(_split(text))

    async def send(self, outbound: Outbound) -> SendResult:
        """Writes one part. To do it again changes nothing: the file has the message's name."""
        if self._accounts(outbound.account) is None:
            return Rejected("this channel was removed")
        if not outbound.chat_id.isalnum():
            return Rejected("no folder can have the name of this chat")
        return _write(Path(outbound.account), outbound)


def _sender(payload: Mapping[str, Any]) -> Sender:
    try:
        return AddressSender(
            Address.parse(f"{PLATFORM}:{payload['from']}"), str(payload.get("name", ""))
        )
    except (KeyError, BadInput):
        return UnknownSender("the file doesn't say from whom it is")


def _write(folder: Path, outbound: Outbound) -> SendResult:
    if (folder / "closed").exists():
        return Later(timedelta(minutes=1), "the desk is closed")
    out = folder / "out" / outbound.chat_id
    if folder.is_dir() and not out.exists():
        return Unreachable("nobody has a folder of this name any more")
    name = f"{outbound.message_id}-{outbound.part}.txt"
    try:
        draft = out / f".{name}"
        draft.write_text(_split(outbound.text)[outbound.part], encoding="utf-8")
        draft.rename(out / name)
    except OSError as error:
        return Later(timedelta(0), f"the folder can't be written ({type(error).__name__})")
    return Sent(name)


def _split(text: str) -> list[str]:
    parts, rest = [], text.rstrip()
    while len(rest) > MAX_CHARACTERS:
        cut = max(rest.rfind(" ", 1, MAX_CHARACTERS), rest.rfind("\n", 1, MAX_CHARACTERS))
        cut = cut if cut > 0 else MAX_CHARACTERS
        parts.append(rest[:cut])
        rest = rest[cut:].lstrip()
    return [*parts, rest]
