"""The queue: which work is due, as ids. What the work does is bound in ``discreet.app``."""

from discreet.queue.serving import is_served, serving
from discreet.queue.worker import Work, work

__all__ = ["Work", "is_served", "serving", "work"]
