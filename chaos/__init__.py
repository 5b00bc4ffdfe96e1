"""Break the database, the network or the service under load, and see what clients notice."""
