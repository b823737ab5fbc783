"""Prove that a database isolates people: no statement may depend on others' rows."""
