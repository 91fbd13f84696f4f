"""What ports meet outside: HTTP servers, storage, keys, mail; an adapter never imports another."""
