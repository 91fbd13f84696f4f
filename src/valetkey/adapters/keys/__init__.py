"""The server's own keys: sealed at rest, at work in this process, replaceable by a remote signer."""
