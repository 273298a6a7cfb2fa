"""Pictures: checks, normalises, finishes and signs them, in child processes."""
