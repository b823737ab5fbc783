"""The audit at rest: checks that need no model and take seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import LiteralString

from discreet.audit import host_checks
from discreet.audit.failed_parts import audit_part
from discreet.audit.findings import Finding
from discreet.audit.fixture import AgentFixture, Audited, stir
from discreet.audit.guards import check_guards
from discreet.audit.host_checks import ToolServerSeen
from discreet.audit.program import check_program
from discreet.audit.rows import RowTrial
from discreet.schemas.tokens import ListTokens
from discreet.scope import OwnerScope
from discreet.services.tokens import list_tokens

__all__ = ["at_rest"]

Progress = Callable[[str], None]

_TOOL_SERVERS: LiteralString = """
SELECT s.name, a.name AS agent, coalesce(s.url, '') AS url, s.shared, s.trusted,
       EXISTS (SELECT FROM discreet.channels c WHERE c.agent_id = a.id AND c.closed_at IS NULL
                  AND c.platform <> 'terminal' AND c.admission = 'open') AS open
  FROM discreet.tool_servers s JOIN discreet.agents a ON a.id = s.agent_id
 ORDER BY a.name, s.name
"""


async def at_rest(
    installation: Audited, scene: AgentFixture | None, seed: str, progress: Progress
) -> list[Finding]:
    """Return the findings. All statements in the scene are rolled back.

    ``scene``: None if none could be set; rows aren't looked at then.
    """
    found: list[Finding] = []
    with _part("The roles, policies, functions and rights against this version", found, progress):
        found += await asyncio.to_thread(lambda: list(check_guards(installation.database)))
    with _part("The program against this version", found, progress):
        found += await asyncio.to_thread(lambda: list(check_program()))
    if scene is not None:
        await _rows(RowTrial(installation.database, scene, seed), scene, found, progress)
    with _part("Files, listeners, tokens, channels, versions", found, progress):
        found += await _around(installation)
    return found


async def _rows(
    trial: RowTrial, scene: AgentFixture, found: list[Finding], progress: Progress
) -> None:
    for role, look in trial.looks():
        with _part(f"Every table as {role}", found, progress):
            found += await asyncio.to_thread(look)
    with _part("Statements, before and after other people's rows change", found, progress):
        await asyncio.to_thread(trial.ask)
        await stir(scene)
        found += await asyncio.to_thread(trial.compare)


@contextmanager
def _part(what: str, found: list[Finding], progress: Progress) -> Iterator[None]:
    progress(what)
    with audit_part(what, found):
        yield


async def _around(installation: Audited) -> list[Finding]:
    settings, db = installation.settings, installation.db
    tokens = await list_tokens(db, installation.owner_id, ListTokens(minted=False))
    found = [
        *host_checks.check_files(settings.home),
        *host_checks.check_listeners(settings),
        *host_checks.check_credentials(installation.database.credentials),
        *host_checks.check_tokens(tokens.items),
    ]
    async with db.begin(OwnerScope(installation.owner_id)) as tx:
        server = str(await tx.value("SHOW server_version"))
        vector = await tx.value("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
        servers = [ToolServerSeen(**row) for row in await tx.fetch(_TOOL_SERVERS)]
    return [
        *found,
        *host_checks.check_tool_servers(servers),
        *host_checks.check_versions(server, str(vector or "")),
    ]
