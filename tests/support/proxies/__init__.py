"""Real proxies in front of an API that shows what reached it."""
