"""``/connections``: the accounts that a scope has connected at the servers of tools."""

from __future__ import annotations

from discreet.domain.text import literal
from discreet.scope import Transaction
from discreet.services.connections import Connection, disconnect, enter_code, list_connections

NONE = "No tool here needs an account."
NO_CODE = "I'm not waiting for a code. /connections shows your accounts."


async def answer_connections(tx: Transaction, rest: str) -> str:
    """List the accounts of this scope, disconnect one, or take the code of a new one.

    Raises:
        NotFound: no account is connected at the server that is named.
    """
    word, _, name = rest.partition(" ")
    if word == "disconnect":
        await disconnect(tx, name.strip())
        return (
            f"I no longer have your account at {literal(name.strip())}, and I ask the server to"
            " take back the permission. The settings of your account there show whether it did."
        )
    if rest:
        entered = await enter_code(tx, rest)
        return NO_CODE if entered is None else entered.text
    lines = [_line(one) for one in await list_connections(tx)]
    return "\n".join(lines) or NONE


def _line(one: Connection) -> str:
    begin = f"- {literal(one.server)} ({one.host}): "
    if one.connected_at is None:
        return (
            f"{begin}not connected. Ask me for something that needs it, and I'll send you a link."
        )
    return (
        f"{begin}connected since {one.connected_at:%Y-%m-%d}. /connections disconnect {one.server}"
    )
