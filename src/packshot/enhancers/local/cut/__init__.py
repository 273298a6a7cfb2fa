"""Where the product is: masks, how far they can be trusted, and clean soft edges."""
