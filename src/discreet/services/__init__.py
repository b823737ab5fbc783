"""What the owner and programs may see and do, one function per operation."""
