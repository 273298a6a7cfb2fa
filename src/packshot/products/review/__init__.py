"""Review: decisions and their reasons, making again, and what happened before."""
