"""Valetkey: JWT toolkit, OAuth 2.1 and OpenID Connect server, and API guard."""
