"""Clients that introduce themselves by the URL of a document about them (Client ID Metadata Document)."""
