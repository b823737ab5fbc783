"""The MCP server: tools, resources and a prompt, in the scope of the connection."""
