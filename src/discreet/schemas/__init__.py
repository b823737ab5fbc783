"""The models of requests and results, shared by REST, MCP, the client and the services.

Requests with unknown fields are rejected; results may gain fields.
"""
