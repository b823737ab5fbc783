"""Proof that a database keeps people apart: statements whose answer must not depend on others."""
