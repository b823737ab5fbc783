"""Measurements of what users notice, each beside its floor in the same run."""

# Sets what numpy reads when it is first imported, as it is set in a server.
import discreet.memory  # noqa: F401
