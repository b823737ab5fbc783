"""The MCP server, tried with clients that others wrote: scripts/conformance."""
