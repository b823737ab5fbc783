"""The models of requests and results, shared by REST, MCP, the client and the services.

What is given is refused where it holds more than is described; what is shown may grow.
"""
