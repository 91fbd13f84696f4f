"""Before the API: the decision for proxies, rate limits, and the session layer of browsers."""
