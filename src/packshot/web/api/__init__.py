"""The endpoints of the API, and what they take and answer."""
