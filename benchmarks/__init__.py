"""`make bench`: how fast the application is, compared with what this machine can do."""
