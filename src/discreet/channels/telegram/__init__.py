"""Telegram: bots that people write to, directly and in groups."""
