"""What becomes of a request before it reaches a service."""
