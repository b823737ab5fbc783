"""Tickets: the proof, for the database, that this application opened a scope.

``ids#code``; the code is HMAC-SHA256 (RFC 2104) over the login role's name and the ids, checked by
``gate.scope()``. A ticket that was made for one role says nothing to another.
"""

from __future__ import annotations

import hmac

from discreet.scope.scopes import Scope, ids_of, role_of


def ticket_for(scope: Scope, key: bytes) -> str:
    """The ticket of a scope, to be set for one transaction. ``key``: 32 bytes.

    Raises:
        ScopeError: the scope lacks an id.
    """
    ids = ids_of(scope)
    code = hmac.new(key, f"{role_of(scope)}|{ids}".encode(), "sha256").hexdigest()
    return f"{ids}#{code}"
