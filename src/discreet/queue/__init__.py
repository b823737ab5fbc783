"""The queue: which work is due, as ids. What the work does is bound in ``discreet.app``."""
