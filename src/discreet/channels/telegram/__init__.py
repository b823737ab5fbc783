"""Telegram: bots in direct chats and groups."""

import os

# The library is moving from numbers of seconds to timedeltas, and warns at each use unless told
# that we read timedeltas.
os.environ.setdefault("PTB_TIMEDELTA", "true")
