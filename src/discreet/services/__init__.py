"""The operations: one function for each, used by every entry point and the model's tools."""
