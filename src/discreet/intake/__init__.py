"""Intake: store a message in its sender's session, or put it in quarantine."""

from discreet.intake.accept import Accepted, accept

__all__ = ["Accepted", "accept"]
