"""Limiters that several nodes share; the one for a single process stands in `resource_server.memory_limiter`."""
