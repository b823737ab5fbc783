"""Prove that a database isolates people, with statements that must not depend on others' rows."""
