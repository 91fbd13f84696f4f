"""The authorization server's pure core: load, decide, commit (OAuth 2.1, OpenID Connect Core)."""
