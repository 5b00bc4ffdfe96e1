"""`make bench`: how fast the application is, compared with what is possible on this machine."""
