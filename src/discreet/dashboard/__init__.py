"""The dashboard: server-rendered pages on which an owner sees everyone, over the services."""
