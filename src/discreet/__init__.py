"""One AI agent, many people, every one of them private."""
