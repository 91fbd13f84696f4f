"""Shared Signals: what other vendors' products are told of revocations, each over streams of its own."""
