"""How fast the application is, as shares of what is possible on the same machine: `make bench`."""
