"""A typed client of the REST API. All calls run in the scope of its token."""

from __future__ import annotations

from discreet.client.administration import AdministrationCalls
from discreet.client.conversations import ConversationCalls
from discreet.client.directory import DirectoryCalls
from discreet.client.pending_reply import PendingReply
from discreet.client.transport import Scope, Versioned

__all__ = ["Client", "PendingReply", "Scope", "Versioned"]


class Client(ConversationCalls, DirectoryCalls, AdministrationCalls):
    """A client of one server, in the scope of its token.

        async with Client("http://127.0.0.1:8780", token) as discreet:
            reply = await discreet.say("Hello!", sender="telegram:99887766")

    ``agent_id`` and ``contact_id`` of its methods name a scope, which only an owner's token may do,
    and an agent's token has to (its contact). Calls that change nothing twice are repeated while
    the server can't be reached or says that it is busy.

    It goes through the proxies that the environment names (``HTTPS_PROXY``, ``ALL_PROXY`` ...).

    Raises:
        BadInput: a proxy of the environment can't be used.

    Every method raises:
        Unauthorized: the token opens nothing.
        Forbidden: it doesn't open this.
        NotFound, BadInput, Conflict, Outdated: as the server says.
        Unavailable: the server can't be reached, or is busy.
    """
