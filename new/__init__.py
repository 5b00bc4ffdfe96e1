"""`make new` and `make update`: make an application from starter/, and bring it up to date."""
