"""An MCP server that finds the order of the asking person, by the identity that Discreet signs.

    python examples/order_server.py http://127.0.0.1:8780/.well-known/jwks.json
    sb agents tools add ada shop --url http://127.0.0.1:8790/mcp
    sb agents tools allow ada shop --to everybody

The model has no argument to fill in, so it can't ask for somebody else's order. Where this server
can't reach Discreet, give it a file with the output of `sb keys show` instead of the address.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import jwt
from mcp.server.mcpserver import Context, MCPServer
from mcp_types import ToolAnnotations

URL = "http://127.0.0.1:8790/mcp"  # as in `sb agents tools add`: tokens for others are refused
SKEW = 10  # seconds that the clocks of the two machines may differ
ORDERS: dict[str, str] = {}  # the shop's own database: what belongs to which identity
SEEN: dict[str, float] = {}  # tokens of the last minute: each is accepted once
server = MCPServer("shop")


def verified(token: str, keys: str, url: str = URL) -> dict[str, Any]:
    """Return what a token says, if it is genuine, of now, for this server, and new."""
    known = jwt.PyJWKClient(keys).get_jwk_set() if keys.startswith("http") else _in_file(keys)
    key = known[jwt.get_unverified_header(token)["kid"]]
    needed = {"require": ["exp", "iat", "jti", "sub"]}
    who = jwt.decode(token, key, ["EdDSA"], audience=url, leeway=SKEW, options=needed)
    for used in [one for one, until in SEEN.items() if until < time.time()]:
        del SEEN[used]
    if who["jti"] in SEEN:
        raise jwt.InvalidTokenError("This token was used before.")
    SEEN[who["jti"]] = who["exp"] + SKEW
    return who


def _in_file(keys: str) -> jwt.PyJWKSet:
    return jwt.PyJWKSet(json.loads(Path(keys).read_text())["keys"])


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def my_order(context: Context) -> str:
    """Say where the order of the person in this conversation is."""
    token = context.request_context.request.headers["Discreet-Identity"]
    return ORDERS.get(verified(token, sys.argv[1])["sub"], "There is no order yet.")


if __name__ == "__main__":
    server.run("streamable-http", port=8790)
