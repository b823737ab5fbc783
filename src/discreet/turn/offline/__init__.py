"""The offline responder: answers by rules, through the same tools, where no model is configured."""

from discreet.turn.offline.respond import respond

__all__ = ["respond"]
