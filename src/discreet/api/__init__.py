"""REST: the HTTP API under ``/api``, described by ``/api/openapi.json``."""
