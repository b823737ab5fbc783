"""The tools of an owner's servers: MCP clients, their sandbox, and what they may be told."""
