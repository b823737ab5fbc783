"""An installation of Discreet in a temporary folder, with its database, driven from plain functions."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from discreet.app import App, open_app
from discreet.domain.addresses import Address
from discreet.domain.inbound import AddressSender, Inbound
from discreet.intake import accept
from discreet.scope import ContactScope, OwnerScope
from discreet.services.agents import list_agents
from discreet.services.channels import terminal_of
from discreet.settings import Settings

PACKAGES = ("discreet", "psycopg")


class Installation:
    """One installation; contacts are made when they are first named."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.stack = AsyncExitStack()
        self.folder = tempfile.mkdtemp(prefix="leakbench-")
        self.app: App = self.wait(self._open())

    async def _open(self) -> App:
        settings = Settings(home=Path(self.folder))
        return await self.stack.enter_async_context(open_app(settings))

    def wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine in the installation's loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(120)

    async def scope_of(self, who: str) -> ContactScope:
        """Let somebody write once, and return their scope."""
        agent = (await list_agents(self.app.db, self.app.owner_id))[0]
        async with self.app.db.begin(OwnerScope(self.app.owner_id)) as tx:
            channel = await terminal_of(tx, agent.name)
        address = Address.parse(f"terminal:{who}")
        inbound = Inbound(
            channel, who, str(uuid4()), AddressSender(address, ""), "hi", datetime.now(UTC)
        )
        said = await accept(self.app.db, self.app.owner_id, inbound)
        assert said.contact_id is not None
        return ContactScope(self.app.owner_id, agent.id, said.contact_id)

    def close(self) -> None:
        """Stop it."""
        self.wait(self.stack.aclose())
        self.loop.call_soon_threadsafe(self.loop.stop)
