"""Storage in memory, with the very semantics of the durable ones: what tests and throw-away servers use."""
