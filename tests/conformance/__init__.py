"""The MCP server against independent clients: scripts/conformance."""
