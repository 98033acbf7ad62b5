"""Lets no page of another origin use the webserver: Dagster's has no login, and takes any request for its user's.

A browser sends some requests to any server on behalf of any page: GETs, forms, WebSockets. And a page whose own name
is made to lead to this machine (DNS rebinding) is of the same origin to the browser. So the name that a request was
sent to has to be one of ours, the page that it comes from too, and what changes something has to have a content type
for which a browser asks first, which nobody here answers. Programs, which send no `Origin`, are not concerned.
"""

import logging
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import parse_qs

from whalefall_pipeline.services.authority import (
    Authority,
    is_own,
    is_same_origin,
    parse_authority,
    parse_origin,
    to_name,
)

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

GRAPHQL = "/graphql"
READING = ("GET", "HEAD", "OPTIONS")
ASKED_FIRST = ("application/json", "application/graphql")
"""Content types that a page of another origin can't send unless the server allowed it."""
HEADERS = (
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-content-type-options", b"nosniff"),
)
"""Added to every answer: no other page shows it in a frame, where clicks can be led, or embeds it."""

logger = logging.getLogger("dagster-webserver")
"""Whose format and level `configure_loggers` sets."""


class Refusal(NamedTuple):
    """Why a request is not answered."""

    status: int
    reason: str


class Guard:
    """An ASGI application in front of another one; it passes on what is the user's own."""

    def __init__(self, app: App, host: str, given: Collection[Authority] = ()) -> None:
        self._app = app
        self._host = to_name(host)
        self._given = given

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse, one request or one WebSocket."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = self.find_refusal(scope)
        if refusal is None:
            await self._app(scope, receive, _adding_headers(send))
            return
        logger.warning("refused %s %a: %s", scope.get("method", "WebSocket"), scope["path"], refusal.reason)
        await _refuse(scope, send, refusal)

    def find_refusal(self, scope: Scope) -> Refusal | None:
        """Return why a request is none of the user's own; None when it is."""
        return (
            self._check_names(scope)
            or _check_site(scope)
            or (_check_method(scope) if scope["type"] == "http" else None)
        )

    def _check_names(self, scope: Scope) -> Refusal | None:
        hosts = _read(scope, b"host")
        host = parse_authority(hosts[0]) if len(hosts) == 1 else None
        server = scope.get("server") or ("",)
        if host is None or not is_own(host, (self._host, to_name(server[0])), self._given):
            said = ascii(hosts[0]) if hosts else "none"
            return Refusal(403, f"the host is {said}, no name of this webserver; WHALEFALL_WEBSERVER_HOSTS adds one")
        for text in _read(scope, b"origin"):
            origin = parse_origin(text)
            if origin is None or not is_same_origin(origin, text.partition(":")[0], host, self._given):
                return Refusal(403, f"it comes from a page of {text!a}, not from the UI")
        return None


def _check_site(scope: Scope) -> Refusal | None:
    """Refuse what a browser itself calls another site's, but for a link that is followed."""
    if all(site in ("same-origin", "none") for site in _read(scope, b"sec-fetch-site")):
        return None
    followed = _read(scope, b"sec-fetch-mode") == ["navigate"] and _read(scope, b"sec-fetch-dest") == ["document"]
    return None if followed and scope.get("method") == "GET" else Refusal(403, "it comes from a page of another site")


def _check_method(scope: Scope) -> Refusal | None:
    """Refuse GraphQL that is not posted, and what is posted with a content type that any page can send."""
    if scope["method"] in READING:
        asks = b"query" in parse_qs(scope["query_string"], keep_blank_values=True)
        is_page = any("text/html" in accept for accept in _read(scope, b"accept"))
        # A path's beginning, since a line break at its end does not keep Starlette from taking it for the same one.
        if scope["path"].startswith(GRAPHQL) and (asks or not is_page):
            return Refusal(405, "GraphQL is answered to POST only")
        return None
    kinds = [text.partition(";")[0].strip().lower() for text in _read(scope, b"content-type")]
    if len(kinds) != 1 or kinds[0] not in ASKED_FIRST:
        return Refusal(415, f"the content type has to be one of {', '.join(ASKED_FIRST)}")
    return None


def _read(scope: Scope, wanted: bytes) -> list[str]:
    return [value.decode("latin-1") for name, value in scope["headers"] if name.lower() == wanted]


def _adding_headers(send: Send) -> Send:
    async def adding(message: Message) -> None:
        if message["type"] == "http.response.start":
            present = {name.lower() for name, _ in message.get("headers", ())}
            added = [pair for pair in HEADERS if pair[0] not in present]
            message = {**message, "headers": [*message.get("headers", ()), *added]}
        await send(message)

    return adding


async def _refuse(scope: Scope, send: Send, refusal: Refusal) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": refusal.reason})
        return
    allow = [(b"allow", b"POST")] if refusal.status == 405 else []
    headers = [(b"content-type", b"text/plain; charset=utf-8"), *allow, *HEADERS]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": f"refused: {refusal.reason}\n".encode()})
