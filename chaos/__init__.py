"""Break what the service stands on, while clients use it, and see what they notice."""
