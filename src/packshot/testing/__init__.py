"""What tests and demonstrations of Packshot start: the fake Gemini."""
