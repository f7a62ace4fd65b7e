"""The HTTP API: routes, and what stands around them."""
