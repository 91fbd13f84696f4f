"""The endpoints: each one `async def respond(request, server)`."""
