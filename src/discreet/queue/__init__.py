"""The queue: due work, as ids. ``discreet.app`` binds the functions that do the work."""
