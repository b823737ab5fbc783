"""Who is calling, and the scope that follows from it: tokens, MCP sessions, channel secrets."""
