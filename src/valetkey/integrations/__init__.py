"""Thin faces of the resource server for web frameworks."""
