"""Which requests the webserver's guard takes for the user's own; each case is a way that some other page has."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whalefall_pipeline.services.authority import Authority, parse_authority, parse_names, parse_origin
from whalefall_pipeline.services.errors import ServicesError
from whalefall_pipeline.services.guard import App, Guard, Message, Receive, Scope, Send

OWN = "127.0.0.1:3000"
JSON = ("content-type", "application/json")
PAGE = ("accept", "text/html,application/xhtml+xml")
Headers = tuple[tuple[str, str], ...]


class Inner:
    """The application behind the guard: it counts what reaches it."""

    def __init__(self) -> None:
        self.reached = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.reached += 1
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-frame-options", b"DENY")]})


def request_status(
    *headers: tuple[str, str],
    method: str = "POST",
    path: str = "/graphql",
    query: str = "",
    kind: str = "http",
    host: str | None = OWN,
    bound: str = "127.0.0.1",
    server: str = "127.0.0.1",
    names: str = "",
) -> int:
    """Return the status of the answer; of a WebSocket 200 where it reaches the application, else 403."""
    hosts = () if host is None else (("host", host),)
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError("the guard reads nothing")

    scope: dict[str, Any] = {
        "type": kind,
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in (*hosts, *headers)],
        "server": (server, 3000),
    }
    if kind == "http":
        scope["method"] = method
    inner = Inner()
    app: App = inner
    asyncio.run(Guard(app, bound, parse_names(names))(scope, receive, send))
    if kind == "websocket" and not inner.reached:
        assert sent == [{"type": "websocket.close", "code": 1008, "reason": sent[0]["reason"]}]
        return 403
    assert (sent[0]["status"] == 200) is bool(inner.reached)
    return int(sent[0]["status"])


@pytest.mark.parametrize(
    "headers",
    [
        (JSON,),
        (("content-type", "application/json; charset=utf-8"),),
        (("Content-Type", "APPLICATION/JSON"),),
        (("content-type", "application/graphql"),),
        (JSON, ("origin", f"http://{OWN}"), ("sec-fetch-site", "same-origin")),
    ],
)
def test_what_programs_and_the_ui_post_is_answered(headers: Headers) -> None:
    assert request_status(*headers) == 200


@pytest.mark.parametrize(
    "kind",
    [
        *("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""),
        *("text/plain; application/json", "text/plain;charset=application/json", "application/jsonx", "text/json"),
        "application/octet-stream",
    ],
)
@pytest.mark.parametrize("path", ["/graphql", "/report_asset_materialization/instance_accounts", "/anything"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "ANY"])
def test_a_content_type_that_any_page_can_send_is_refused(method: str, path: str, kind: str) -> None:
    assert request_status(("content-type", kind), method=method, path=path) == 415


def test_no_content_type_or_two_are_refused() -> None:
    assert request_status() == 415
    assert request_status(JSON, ("content-type", "text/plain")) == 415


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/graphql", "/graphql\n", "/graphql/"])
@pytest.mark.parametrize("query", ["query=mutation{x}", "x=1&query=", "%71uery=mutation{x}", "query=a&query=b"])
@pytest.mark.parametrize("headers", [(), (PAGE,), (JSON,)])
def test_graphql_by_get_is_refused(method: str, path: str, query: str, headers: Headers) -> None:
    assert request_status(*headers, method=method, path=path, query=query) == 405


def test_pages_are_answered() -> None:
    assert request_status(PAGE, method="GET") == 200, "GraphiQL"
    assert request_status(method="GET", path="/runs", query="query=x") == 200
    assert request_status(("sec-fetch-site", "none"), method="GET", path="/") == 200
    followed = (("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document"))
    assert request_status(*followed, PAGE, method="GET", path="/runs") == 200, "a link on another page"


@pytest.mark.parametrize("site", ["cross-site", "same-site", "anything"])
@pytest.mark.parametrize(
    "how",
    [
        (("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")),
        (("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")),
        (("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty")),
        (("sec-fetch-mode", "navigate"),),
        (),
    ],
)
def test_what_the_browser_calls_another_sites_is_refused(site: str, how: Headers) -> None:
    assert request_status(("sec-fetch-site", site), *how, method="GET", path="/") == 403
    assert request_status(("sec-fetch-site", site), *how, JSON) == 403


def test_a_form_of_another_site_that_navigates_is_refused() -> None:
    followed = (("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document"))
    assert request_status(*followed, JSON) == 403


FOREIGN_ORIGINS = (
    *("http://127.0.0.1:3001", "http://127.0.0.1", "https://127.0.0.1", "http://localhost:3000", "http://evil.example"),
    *(
        "null",
        "",
        "file://",
        "http://127.0.0.1:3000.evil.example",
        "http://evil.example/127.0.0.1:3000",
        "127.0.0.1:3000",
    ),
    *("http://user@127.0.0.1:3000", "chrome-extension://127.0.0.1:3000", "http://127.0.0.1:3000 http://evil.example"),
)


@pytest.mark.parametrize("origin", FOREIGN_ORIGINS)
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_a_page_of_another_origin_is_refused(kind: str, origin: str) -> None:
    assert request_status(("origin", origin), JSON, kind=kind) == 403
    assert request_status(("origin", f"http://{OWN}"), ("origin", origin), JSON, kind=kind) == 403
    assert request_status(("origin", origin), JSON, kind=kind, method="OPTIONS") == 403


def test_a_websocket_of_the_ui_or_of_a_program_is_answered() -> None:
    assert request_status(kind="websocket") == 200
    assert request_status(("origin", f"http://{OWN}"), kind="websocket") == 200


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:3000", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1:3000"),
        *(
            "",
            ":3000",
            "127.0.0.1:3000@evil.example",
            "evil.example#127.0.0.1",
            "[::2]:3000",
            "0.0.0.0:3000",
            "lo calhost",
        ),
        *("localhost:3000, evil.example", "foo.localhost"),
    ],
)
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_a_foreign_host_is_refused(kind: str, host: str) -> None:
    """A page under a name that its owner makes lead to this machine is of the same origin to the browser."""
    assert request_status(("origin", f"http://{host}"), JSON, host=host, kind=kind) == 403
    assert request_status(JSON, host=host, kind=kind) == 403
    if not host.startswith("0"):
        assert request_status(JSON, host=host, kind=kind, bound="::", server="192.0.2.1") == 403


def test_no_host_or_two_are_refused() -> None:
    assert request_status(JSON, host=None) == 403
    assert request_status(JSON, ("host", OWN)) == 403


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:3000", "127.0.0.1", "127.9.9.9:1", "[::1]:3000", "[0:0::1]"])
def test_loopback_is_always_its_own(host: str) -> None:
    assert request_status(JSON, host=host, bound="192.0.2.1", server="192.0.2.1") == 200


def test_the_address_that_it_listens_on_is_its_own() -> None:
    assert request_status(JSON, host="192.0.2.1:3000", bound="192.0.2.1") == 200
    assert request_status(JSON, host="UI.example:3000", bound="ui.example") == 200
    for bound in ("0.0.0.0", "::"):  # noqa: S104 - the machine's every address: that of the connection counts
        assert request_status(JSON, host="192.0.2.1:3000", bound=bound, server="192.0.2.1") == 200
        assert request_status(JSON, host="192.0.2.1:3000", bound=bound, server="::ffff:192.0.2.1") == 200
        assert request_status(JSON, host="[2001:db8::1]:3000", bound=bound, server="2001:db8:0::1") == 200
        assert request_status(JSON, host="192.0.2.2:3000", bound=bound, server="192.0.2.1") == 403


def test_a_name_that_is_set_is_its_own() -> None:
    names = " ui.example, other.example:8443 ,"
    for host in ("ui.example", "UI.example:3000", "other.example:8443"):
        assert request_status(JSON, host=host, names=names) == 200
    assert request_status(JSON, host="other.example", names=names) == 403
    proxied = (("https://ui.example", 200), ("https://other.example:8443", 200), ("https://ui.example:8443", 403))
    for origin, status in (*proxied, ("https://other.example", 403)):
        assert request_status(("origin", origin), JSON, names=names) == status, (
            "a proxy in front sends the address as the host"
        )


@pytest.mark.parametrize("name", ["https://ui.example", "ui.example/", "*.example", "ui example", "ui:port"])
def test_a_setting_that_is_no_name_is_one_line(name: str) -> None:
    with pytest.raises(ServicesError, match=r"WHALEFALL_WEBSERVER_HOSTS: .* is no host name"):
        parse_names(f"ui.example,{name}")


def test_every_answer_says_that_it_is_for_no_other_page() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError("the guard reads nothing")

    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": [(b"host", OWN.encode())]}
    asyncio.run(Guard(Inner(), "127.0.0.1")(scope, receive, send))
    assert dict(sent[0]["headers"]) == {
        b"x-frame-options": b"DENY",
        b"cross-origin-resource-policy": b"same-origin",
        b"x-content-type-options": b"nosniff",
    }


@given(st.text(), st.text())
def test_any_text_is_a_host_or_none(host: str, origin: str) -> None:
    for parsed in (parse_authority(host), parse_origin(origin)):
        assert parsed is None or isinstance(parsed, Authority)
    latin = host.encode("latin-1", "replace").decode("latin-1")
    assert request_status(JSON, host=latin) in (200, 403)
