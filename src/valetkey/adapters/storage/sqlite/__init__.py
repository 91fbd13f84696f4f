"""SQLite, the embedded default: one file, several processes, durable commits in batches."""
