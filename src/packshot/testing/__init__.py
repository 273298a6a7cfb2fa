"""Servers for tests and demonstrations: the fake Gemini."""
