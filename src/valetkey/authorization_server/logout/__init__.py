"""Signing out: what a client may ask for, whom it concerns, and what is left to see (RP-Initiated Logout 1.0)."""
