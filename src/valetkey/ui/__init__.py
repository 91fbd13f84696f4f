"""Renders pages: templates, style sheet, languages, and the rows that serve them."""
