"""The protocol's vocabulary and pure rules, shared by both servers and the client."""
