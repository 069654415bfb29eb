"""The app's HTTP(S) server: a table look-up, so nothing outside the site can be asked for.

It is meant for one's own machine and network. Everything that it sends is public; photos never
leave the phone, since recognition runs there.
"""

from __future__ import annotations

import errno
import logging
import socket
import socketserver
import ssl
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

from edge_app.network import is_any, is_local
from edge_app.site import Asset, Site
from models.errors import InputError

log = logging.getLogger(__name__)

# What the page may do. 'wasm-unsafe-eval' lets it compile WebAssembly; eval itself stays out.
POLICY = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self' 'wasm-unsafe-eval'",
        "worker-src 'self'",
        "img-src 'self' blob: data:",
        "style-src 'self' 'unsafe-inline'",
        "connect-src 'self' blob: data:",
        "object-src 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "form-action 'none'",
    ]
)
HEADERS = {
    # Together they isolate the page, without which browsers give it no threads.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": POLICY,
    "Permissions-Policy": "camera=(self), geolocation=(self), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
PREFERRED = ("br", "gzip")  # content codings, the smaller one first
IDLE = 60  # seconds that a connection may be silent


class SiteServer(ThreadingHTTPServer):
    """Serves a site until it is shut down.

    Attributes:
        site: What is served.
        context: TLS, or None for plain HTTP.
    """

    def __init__(
        self, site: Site, host: str, port: int, context: ssl.SSLContext | None = None
    ) -> None:
        """Bind to an address; port 0 takes any free one.

        Raises:
            InputError: The address or the port cannot be had.
        """
        self.site, self.context = site, context
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            self.address_family = found[0]
            super().__init__((host, port), _Handler)
        except (OSError, OverflowError, UnicodeError) as error:
            raise InputError(f"{host} port {port}: {_why_not(error)}") from error

    @property
    def url(self) -> str:
        """The site's address on this machine."""
        host = self.server_name
        return self.url_at("localhost" if is_local(host) or is_any(host) else host)

    def url_at(self, host: str) -> str:
        """The site's address under a name or address of this machine."""
        scheme = "https" if self.context else "http"
        shown = f"[{host}]" if ":" in host else host
        return f"{scheme}://{shown}:{self.server_port}/"

    def server_bind(self) -> None:
        """Bind without `HTTPServer`'s look-up of our own name, which can take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection; the TLS handshake is left to the thread that will serve it."""
        connection, address = super().get_request()
        if self.context:
            connection = self.context.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
        return connection, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that breaks, or a phone that mistrusts our certificate, is no news."""
        log.info("%s: connection lost", client_address[0], exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    default_request_version = "HTTP/1.1"  # what cannot be parsed gets an answer with headers, too
    timeout = IDLE
    disable_nagle_algorithm = True  # or every answer on a kept connection waits for an ACK
    server: SiteServer

    def do_GET(self) -> None:
        """Send a file of the site."""
        if self.headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in self.headers:
            self.send_error(HTTPStatus.BAD_REQUEST)  # a body would be read as the next request
            return
        path, _, query = self.path.partition("?")
        asset = self.server.site.get(unquote(path).removeprefix("/") or "index.html")
        if asset is None:
            self.send_error(HTTPStatus.NOT_FOUND)
        else:
            self._send(asset, query)

    do_HEAD = do_GET

    def _send(self, asset: Asset, query: str) -> None:
        """Send a file, or word that the browser's copy of it is still the same."""
        # Weak: it names the content, whichever coding carries it.
        tag = f'W/"{asset.sha256[:32]}"'
        unchanged = _matches(self.headers.get("If-None-Match", ""), tag)
        self.send_response(HTTPStatus.NOT_MODIFIED if unchanged else HTTPStatus.OK)
        self.send_header("ETag", tag)
        self.send_header("Vary", "Accept-Encoding")
        lasts = asset.lasts(query)
        self.send_header(
            "Cache-Control", "public, max-age=31536000, immutable" if lasts else "no-cache"
        )
        if unchanged:
            self.end_headers()
            return
        accepted = _accepted(self.headers.get("Accept-Encoding", ""))
        coding = next((c for c in PREFERRED if c in asset.packed and c in accepted), "")
        body = asset.packed[coding] if coding else asset.data
        if coding:
            self.send_header("Content-Encoding", coding)
        self._send_body(body, asset.media_type)

    def _send_body(self, body: bytes, media_type: str) -> None:
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer a request that cannot be served, those that the base class refuses included."""
        status = HTTPStatus(code)
        if status is HTTPStatus.NOT_IMPLEMENTED:  # the base class's word for an unknown method
            status = HTTPStatus.METHOD_NOT_ALLOWED
        self.send_response(status)
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET, HEAD")
        if status is not HTTPStatus.NOT_FOUND:  # what else the client sent is unread
            self.send_header("Connection", "close")
        self.send_header("Cache-Control", "no-store")
        self._send_body(f"{status} {status.phrase}\n".encode(), "text/plain; charset=utf-8")

    def end_headers(self) -> None:
        """End the headers of any answer with those that all have."""
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def version_string(self) -> str:
        """The `Server` header; versions are nobody's business."""
        return "bombus"

    def log_message(self, format: str, *args: Any) -> None:
        """Log through `logging`: seen with `bombus --verbose`."""
        log.info("%s %s", self.address_string(), format % args)


def _matches(condition: str, tag: str) -> bool:
    """Whether an If-None-Match header names this tag, by HTTP's weak comparison."""
    tags = {part.strip().removeprefix("W/") for part in condition.split(",")}
    return "*" in tags or tag.removeprefix("W/") in tags


def _accepted(header: str) -> set[str]:
    """The content codings that an Accept-Encoding header allows by name."""
    codings = set()
    for part in header.lower().split(","):
        coding, _, parameter = part.partition(";")
        quality = parameter.strip().removeprefix("q=").strip()
        if quality.strip("0.") or not parameter:  # q=0, q=0.0: refused
            codings.add(coding.strip())
    return codings


def _why_not(error: Exception) -> str:
    """Why a server cannot listen, and what to do."""
    match error:
        case OSError(errno=errno.EADDRINUSE):
            return "in use by another program; choose another with --port"
        case PermissionError():
            return "only administrators may use it; choose --port 1024 or above"
        case OverflowError():
            return "no such port; choose one from 1 to 65535"
        case OSError(errno=errno.EADDRNOTAVAIL) | socket.gaierror() | UnicodeError():
            return "no address of this machine; give --host 127.0.0.1 or 0.0.0.0"
        case _:
            return f"cannot be used ({error}); choose another --host or --port"
