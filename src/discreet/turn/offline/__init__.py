"""The offline responder: answer by rules, with the same tools, if no model is configured."""

from discreet.turn.offline.respond import respond

__all__ = ["respond"]
