"""How a request is read, authenticated, counted and refused."""
