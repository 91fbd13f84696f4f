"""Clients that register themselves: who may, what they may have, and what they are told (RFC 7591; RFC 7592)."""
