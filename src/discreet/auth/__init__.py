"""Authenticate callers and derive their scope: tokens, MCP sessions, channel secrets."""
