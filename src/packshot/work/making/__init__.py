"""Making the pictures of one claimed product: each step, and what the steps work with."""
