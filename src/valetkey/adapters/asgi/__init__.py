"""The HTTP adapter: raw ASGI in, the routes matrix, raw ASGI out; it knows no OAuth."""
