"""What tests share: fakes, shops to test with, helpers."""
