"""Discord: bots that people write to, directly, in servers and in threads."""
