"""Tickets: proof to the database that this application opened a scope.

A ticket is ``ids/backend/moment#code``. The code is an HMAC-SHA256 (RFC 2104) over the login role's
name and everything before the code; ``gate.scope()`` checks it. A ticket is invalid for another
role, on another connection, and in a transaction that begins more than 30 seconds before or after
its moment.
"""

from __future__ import annotations

import hmac

from discreet.scope.scopes import Scope, ids_of, role_of


def ticket_for(scope: Scope, key: bytes, pid: int, now: float) -> str:
    """Return the ticket of a scope for one transaction.

    ``key``: 32 bytes. ``pid``: ``pg_backend_pid()`` of the connection. ``now``: the database's
    clock, in seconds since 1970.

    Raises:
        ScopeError: the scope lacks an id.
    """
    said = f"{ids_of(scope)}/{pid}/{now * 1000:.0f}"
    code = hmac.new(key, f"{role_of(scope)}|{said}".encode(), "sha256").hexdigest()
    return f"{said}#{code}"
