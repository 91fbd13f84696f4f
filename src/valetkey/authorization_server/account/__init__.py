"""What an end-user sees and takes back of their own: password, sessions, connected clients."""
