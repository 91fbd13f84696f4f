"""The SQL that every SQL engine shares: migrations, queries, and the statements of each `Change`."""
