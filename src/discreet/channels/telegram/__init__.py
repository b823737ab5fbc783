"""Telegram: bots that people write to, directly and in groups."""

import os

# The library is on its way from numbers of seconds to timedeltas, and warns at each use until it is
# told here that we read timedeltas.
os.environ.setdefault("PTB_TIMEDELTA", "true")
