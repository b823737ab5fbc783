"""Delivery: what is in the outbox goes back to where its message came from."""

from discreet.delivery.deliver import deliver

__all__ = ["deliver"]
