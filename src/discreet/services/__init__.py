"""The operations: one function each, used by every entry point and the model's tools."""
