"""Downloads from sellers' addresses, guarded and within limits."""
