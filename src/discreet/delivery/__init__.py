"""Delivery: send answers from the outbox to where their messages came from."""

from discreet.delivery.deliver import deliver, hand_over

__all__ = ["deliver", "hand_over"]
