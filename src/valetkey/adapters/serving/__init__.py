"""Running the application: sockets, workers, limits on slow peers, a drain that loses nothing."""
