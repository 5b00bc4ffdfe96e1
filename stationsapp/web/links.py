"""Links in JSON, with a relation, a media type and a title (RFC 8288)."""

from typing import Any

from flask import url_for

HTML = "text/html"
Links = list[dict[str, str]]


def link(rel: str, endpoint: str, media_type: str, title: str, **values: Any) -> dict[str, str]:
    """Return a link to an endpoint. Its URL is absolute, because some programs don't follow others.

    The host is the one in the request. The ETag depends on it, so no cache sends this link to the
    clients of another host.
    """
    href = url_for(endpoint, _external=True, **values)
    return {"rel": rel, "href": href, "type": media_type, "title": title}


def itself(form: str, media_type: str, endpoint: str, **values: Any) -> Links:
    """Return the links to a document in this format, json or html, and in the other one."""
    rels = ("alternate", "self") if form == "html" else ("self", "alternate")
    return [
        link(rels[0], endpoint, media_type, "This document as JSON", **(values | {"f": "json"})),
        link(rels[1], endpoint, HTML, "This document as HTML", **(values | {"f": "html"})),
    ]
