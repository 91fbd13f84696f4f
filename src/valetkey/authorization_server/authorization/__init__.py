"""The front channel: from a request at the authorization endpoint to a code (OAuth 2.1, 4.1)."""
