"""The way of a product from queued to pending_review, and the workers that process it."""
