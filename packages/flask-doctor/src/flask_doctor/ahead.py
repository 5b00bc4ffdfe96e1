"""The page that meets you before the error does."""

from flask import Flask


def init_app(app: Flask) -> None:
    """Nothing yet."""
