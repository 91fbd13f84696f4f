"""The one guarded way out: addresses that are judged and pinned, and a client that follows nothing (DESIGN, 8)."""
