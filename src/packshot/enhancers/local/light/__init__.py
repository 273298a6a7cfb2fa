"""What is wrong with the light and the colours of a photo, and its correction."""
