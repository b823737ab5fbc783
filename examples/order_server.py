"""An MCP server that finds the order of whoever is asking, by the identity that Discreet signs.

    python examples/order_server.py http://127.0.0.1:8780/.well-known/jwks.json
    sb agents tools add ada shop --url http://127.0.0.1:8790/mcp
    sb agents tools allow ada shop --to everybody

The model has no argument to fill in, so it can't ask for somebody else's order. Where this server
can't reach Discreet, give it a file with the output of `sb keys show` instead of the address.
"""

import json
import sys
from pathlib import Path
from typing import Any

import jwt
from mcp.server.mcpserver import Context, MCPServer
from mcp_types import ToolAnnotations

URL = "http://127.0.0.1:8790/mcp"  # as in `sb agents tools add`: tokens for others are refused
ORDERS: dict[str, str] = {}  # the shop's own database: what belongs to which identity
server = MCPServer("shop")


def asked_by(context: Context, keys: str, url: str = URL) -> dict[str, Any]:
    """Return the verified identity of a call."""
    token = context.request_context.request.headers["Discreet-Identity"]
    if keys.startswith("http"):
        key = jwt.PyJWKClient(keys).get_signing_key_from_jwt(token)
    else:
        key = jwt.PyJWKSet(json.loads(Path(keys).read_text())["keys"])[_key_id(token)]
    return jwt.decode(token, key, ["EdDSA"], audience=url, options={"require": ["exp", "jti"]})


def _key_id(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def my_order(context: Context) -> str:
    """Say where the order of the person in this conversation is."""
    who = asked_by(context, sys.argv[1])
    return ORDERS.get(who["sub"], "There is no order yet.")


if __name__ == "__main__":
    server.run("streamable-http", port=8790)
