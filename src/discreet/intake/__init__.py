"""Intake: a message becomes a row of its sender's session, or waits in quarantine."""

from discreet.intake.accept import Accepted, accept

__all__ = ["Accepted", "accept"]
