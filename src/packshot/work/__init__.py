"""One product's way from queued to pending_review, and the workers who take it there."""
