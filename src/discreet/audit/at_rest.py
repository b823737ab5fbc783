"""The audit at rest: what can be seen without a model, in seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import LiteralString

from discreet.audit import host_checks
from discreet.audit.findings import Finding
from discreet.audit.fixture import Audited, Scene, stir
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
SELECT s.name, a.name AS agent, coalesce(s.url, '') AS url, s.shared,
       EXISTS (SELECT FROM discreet.channels c WHERE c.agent_id = a.id AND c.closed_at IS NULL
                  AND c.platform <> 'terminal' AND c.admission = 'open') AS open
  FROM discreet.tool_servers s JOIN discreet.agents a ON a.id = s.agent_id
 ORDER BY a.name, s.name
"""


async def at_rest(
    installation: Audited, scene: Scene, seed: str, progress: Progress
) -> list[Finding]:
    """Return what is wrong. Everything that the scene is asked for is rolled back."""
    progress("The program, roles, policies, functions and rights against this version")
    found = await asyncio.to_thread(
        lambda: [*check_guards(installation.database), *check_program()]
    )
    progress("Every table as every role")
    trial = RowTrial(installation.database, scene, seed)
    found += await asyncio.to_thread(trial.look)
    progress("Statements, before and after other people's rows change")
    await asyncio.to_thread(trial.ask)
    await stir(scene)
    found += await asyncio.to_thread(trial.compare)
    progress("Files, listeners, tokens, channels, versions")
    return [*found, *await _around(installation)]


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
