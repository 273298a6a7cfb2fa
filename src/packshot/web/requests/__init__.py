"""How a request is read, let in, counted, and refused."""
