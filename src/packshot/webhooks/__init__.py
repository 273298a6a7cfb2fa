"""Webhooks: records events of products and delivers them."""
