"""The kill switch: how what was revoked becomes known to those who verify without asking."""
