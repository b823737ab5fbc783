"""Delivery: send answers from the outbox to where their messages came from."""

from discreet.delivery.deliver import deliver

__all__ = ["deliver"]
