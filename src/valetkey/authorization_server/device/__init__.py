"""The device authorization grant (RFC 8628): its codes, and the page where an end-user answers for them."""
