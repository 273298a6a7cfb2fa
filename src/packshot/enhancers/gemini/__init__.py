"""The enhancer that asks Gemini."""
