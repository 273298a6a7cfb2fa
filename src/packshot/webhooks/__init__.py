"""Events of products, written down and delivered."""
