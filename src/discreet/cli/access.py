"""Record in the access log when a command shows or changes a contact's data."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from discreet.app import App
    from discreet.schemas.own_data import Did

Result = TypeVar("Result")


def noting(
    did: Did, call: Callable[[App], Awaitable[Result]]
) -> Callable[[App], Awaitable[Result]]:
    """Return the call with a note of the contacts whose rows its result holds."""

    async def work(app: App) -> Result:
        from discreet.services.own_data import record_access

        result = await call(app)
        items = result if isinstance(result, list) else getattr(result, "items", [result])
        ids = [getattr(one, "contact_id", None) for one in items]
        await record_access(app.db, app.owner_id, ids, did, "terminal")
        return result

    return work
