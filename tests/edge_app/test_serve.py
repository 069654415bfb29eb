"""A real server on a free port, asked over real connections."""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from pathlib import Path

import pytest

from edge_app import serve
from edge_app.certificate import load_context, self_signed
from edge_app.network import announcement, is_any, is_local, network_address
from edge_app.serve import HEADERS, SiteServer
from edge_app.site import Site, build_site
from models.errors import InputError
from tests.edge_app.sites import BROTLI, SCRIPT, WASM, write_pages, write_web_bundle

ROOT = Path(__file__).parents[2]
MODEL = "/models/tiny/tiny_wi8_ai8.tflite"
Bombus = Callable[..., tuple[int, str, str]]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return build_site([write_web_bundle(tmp_path / "b")], write_pages(tmp_path / "dist"))


def running(server: SiteServer) -> Iterator[SiteServer]:
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def server(site: Site) -> Iterator[SiteServer]:
    yield from running(SiteServer(site, "127.0.0.1", 0))


@pytest.fixture
def connection(server: SiteServer) -> Iterator[HTTPConnection]:
    opened = HTTPConnection("127.0.0.1", server.server_port, timeout=30)
    yield opened
    opened.close()


def ask(
    connection: HTTPConnection, path: str, method: str = "GET", **headers: str
) -> tuple[HTTPResponse, bytes]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, headers={"Accept-Encoding": ""} | named)
    response = connection.getresponse()
    return response, response.read()


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/index.html?x=1", "text/html; charset=utf-8"),
        ("/sw.js", "text/javascript; charset=utf-8"),
        ("/manifest.webmanifest", "application/manifest+json"),
        ("/assets/main-Ab12.js", "text/javascript; charset=utf-8"),
        ("/icons/icon-192.png", "image/png"),
        ("/rt/litert.wasm", "application/wasm"),
        ("/models/index.json", "application/json"),
        ("/models/tiny/%6danifest.json", "application/json"),
        (MODEL, "application/octet-stream"),
    ],
)
def test_every_file(site: Site, connection: HTTPConnection, path: str, media_type: str) -> None:
    response, body = ask(connection, path)
    assert response.status == 200
    assert response.headers["Content-Type"] == media_type
    assert response.headers["Content-Length"] == str(len(body))
    plain = path.partition("?")[0].replace("%6d", "m").removeprefix("/") or "index.html"
    assert body == site[plain].data
    head, nothing = ask(connection, path, "HEAD")
    assert (head.status, nothing) == (200, b"")
    dateless = [h for h in response.getheaders() if h[0] != "Date"]
    assert [h for h in head.getheaders() if h[0] != "Date"] == dateless


def test_one_connection_serves_many(connection: HTTPConnection) -> None:
    ask(connection, "/")
    first = connection.sock
    ask(connection, "/nothing")
    ask(connection, "/sw.js", "HEAD")
    assert first is not None
    assert connection.sock is first


@pytest.mark.parametrize(
    "path",
    [
        "/nothing.html",
        "/index.html/",
        "/assets/",
        "/assets/main-Ab12.js.gz",  # its content is had by asking for the file itself
        "/models/tiny/tiny_f32.tflite",  # not the one that the web uses
        "/../pyproject.toml",
        "/assets/../../pyproject.toml",
        "/%2e%2e/%2e%2e/etc/passwd",
        "//etc/passwd",
        "/%00",
        "/%ff",
        "http://example.org/",
        "*",
    ],
)
def test_nothing_else_is_there(connection: HTTPConnection, path: str) -> None:
    response, body = ask(connection, path)
    assert (response.status, body) == (404, b"404 Not Found\n")
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"])
def test_other_methods(connection: HTTPConnection, method: str) -> None:
    response, _ = ask(connection, "/", method)
    assert response.status == 405
    assert response.headers["Allow"] == "GET, HEAD"
    assert response.headers["Connection"] == "close"


@pytest.mark.parametrize(
    ("path", "method"), [("/", "GET"), ("/", "HEAD"), ("/nothing", "GET"), ("/", "POST")]
)
def test_the_headers_of_every_answer(connection: HTTPConnection, path: str, method: str) -> None:
    response, _ = ask(connection, path, method)
    assert {name: response.headers[name] for name in HEADERS} == HEADERS
    assert response.headers["Server"] == "bombus"


def test_the_policy_allows_no_eval_and_no_other_host() -> None:
    policy = dict(part.split(" ", 1) for part in HEADERS["Content-Security-Policy"].split("; "))
    assert policy["script-src"] == "'self' 'wasm-unsafe-eval'"
    sources = {source for value in policy.values() for source in value.split()}
    assert sources == {
        *("'self'", "'none'", "'unsafe-inline'", "'wasm-unsafe-eval'", "blob:", "data:")
    }


def test_caching(site: Site, connection: HTTPConnection) -> None:
    model = site[MODEL.removeprefix("/")]
    for path, lasts in {
        "/": False,
        "/sw.js": False,
        "/manifest.webmanifest": False,
        "/models/tiny/manifest.json": False,
        "/assets/main-Ab12.js": True,
        MODEL: False,
        f"{MODEL}?sha256={'0' * 64}": False,
        f"{MODEL}?sha256={model.sha256}": True,
    }.items():
        cache = ask(connection, path)[0].headers["Cache-Control"]
        assert cache == ("public, max-age=31536000, immutable" if lasts else "no-cache"), path


def test_an_unchanged_file_is_not_sent_again(connection: HTTPConnection) -> None:
    first, _ = ask(connection, "/sw.js", Accept_Encoding="gzip")
    tag = first.headers["ETag"]
    for condition in (tag, tag.removeprefix("W/"), f'"x", {tag}', "*"):
        response, body = ask(connection, "/sw.js", If_None_Match=condition)
        assert (response.status, body) == (304, b"")
        assert response.headers["ETag"] == tag
        assert response.headers["Vary"] == "Accept-Encoding"
        assert response.headers["Cache-Control"] == "no-cache"
    assert ask(connection, "/sw.js", If_None_Match='"x"')[0].status == 200
    assert ask(connection, "/index.html", If_None_Match=tag)[0].status == 200


@pytest.mark.parametrize(
    ("accepted", "path", "coding"),
    [
        ("gzip, deflate, br, zstd", "/assets/main-Ab12.js", "br"),
        ("gzip;q=1.0, br;q=0", "/assets/main-Ab12.js", "gzip"),
        ("BR;q=0.1", "/assets/main-Ab12.js", "br"),
        ("gzip, br", "/rt/litert.wasm", "gzip"),
        ("br", "/rt/litert.wasm", None),
        ("identity", "/assets/main-Ab12.js", None),
        ("gzip;q=0.000", "/assets/main-Ab12.js", None),
        ("gzip", "/icons/icon-192.png", None),
    ],
)
def test_compression(
    connection: HTTPConnection, accepted: str, path: str, coding: str | None
) -> None:
    response, body = ask(connection, path, Accept_Encoding=accepted)
    assert response.headers["Content-Encoding"] == coding
    assert response.headers["Vary"] == "Accept-Encoding"
    if coding == "gzip":
        assert gzip.decompress(body) in (SCRIPT, WASM)
    elif coding == "br":
        assert body == BROTLI


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nGET ", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"GET  / /  HTTP/1.1 x\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\n\r\n", 505),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n", 431),
    ],
    ids=["length", "chunked", "words", "version", "long", "headers"],
)
def test_odd_requests(server: SiteServer, request_bytes: bytes, status: int) -> None:
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=30) as raw:
        raw.sendall(request_bytes)
        answer = b""
        while piece := raw.recv(65536):  # to the end: the server closes
            answer += piece
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert answer.count(b"HTTP/1.1") == 1
    assert b"Content-Security-Policy" in answer


def test_a_silent_connection_is_dropped(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve._Handler, "timeout", 0.05)
    for server in running(SiteServer(site, "127.0.0.1", 0)):
        with socket.create_connection(("127.0.0.1", server.server_port), timeout=30) as raw:
            assert raw.recv(1) == b""


def test_https(site: Site, tmp_path: Path) -> None:
    pem = self_signed({"localhost", "127.0.0.1"}, tmp_path)
    trusting = ssl.create_default_context(cafile=str(pem))
    for server in running(SiteServer(site, "127.0.0.1", 0, load_context(pem))):
        assert server.url == f"https://localhost:{server.server_port}/"
        # One that says nothing, and one that mistrusts us, hold nobody up.
        with socket.create_connection(("127.0.0.1", server.server_port)):
            doubting = HTTPSConnection("127.0.0.1", server.server_port, timeout=30)
            with pytest.raises(ssl.SSLCertVerificationError):
                doubting.request("GET", "/")
            connection = HTTPSConnection(
                "127.0.0.1", server.server_port, timeout=30, context=trusting
            )
            response, body = ask(connection, "/models/index.json")
            connection.close()
        assert response.status == 200
        assert json.loads(body) == {"bundles": ["tiny"]}


def test_addresses(site: Site) -> None:
    with SiteServer(site, "127.0.0.1", 0) as server:
        assert server.url == f"http://localhost:{server.server_port}/"
        assert server.url_at("fe80::1") == f"http://[fe80::1]:{server.server_port}/"
        with pytest.raises(InputError, match="in use by another program; choose another with"):
            SiteServer(site, "127.0.0.1", server.server_port)
    with pytest.raises(InputError, match="no address of this machine"):
        SiteServer(site, "203.0.113.1", 0)
    with pytest.raises(InputError, match="no address of this machine"):
        SiteServer(site, "no such host", 0)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermissionError(13, "Permission denied"), "choose --port 1024 or above"),
        (OverflowError("port"), "from 1 to 65535"),
        (OSError(12, "Cannot allocate memory"), "Cannot allocate memory"),
    ],
)
def test_why_a_port_cannot_be_had(
    site: Site, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    def refuse(self: SiteServer) -> None:
        raise error

    monkeypatch.setattr(SiteServer, "server_bind", refuse)
    with pytest.raises(InputError, match=words):
        SiteServer(site, "127.0.0.1", 80)


def test_which_addresses_phones_can_call() -> None:
    assert [is_local(h) for h in ("localhost", "127.0.0.1", "127.9.9.9", "::1")] == [True] * 4
    assert [is_local(h) for h in ("0.0.0.0", "::", "192.168.1.2", "garden.local")] == [False] * 4
    assert [is_any(h) for h in ("0.0.0.0", "::", "")] == [True] * 3
    assert not is_any("127.0.0.1")
    assert network_address("127.0.0.1") == ""
    assert network_address("garden.local") == "garden.local"
    assert re.fullmatch(r"|\d+\.\d+\.\d+\.\d+", network_address("0.0.0.0"))


def test_what_phones_are_told() -> None:
    plain = announcement("http://192.168.1.2:8080/", trusted=False)
    assert plain.startswith("on this network: http://192.168.1.2:8080/\n█")
    assert plain.endswith("add --https.")
    own = announcement("https://192.168.1.2:8080/", trusted=False)
    assert "self-signed" in own
    given = announcement("https://192.168.1.2:8080/", trusted=True)
    assert given.splitlines()[-1].strip("▀▄█ ") == ""  # nothing to say but the code


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--key", "k.pem"], "--key without --certificate"),
        (["--certificate", "none.pem"], "none.pem: no such file"),
        (["--bundle", "/nowhere"], "no bundle there"),
        (["--port", "70000"], "--port"),
        (["--host", "203.0.113.1", "--port", "0"], "no address of this machine"),
    ],
)
def test_the_command_refuses(
    bombus: Bombus,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    words: str,
) -> None:
    monkeypatch.setattr("edge_app.site.PAGES", write_pages(tmp_path / "dist"))
    bundle = write_web_bundle(tmp_path / "b").path
    given = [] if "--bundle" in options else ["--bundle", bundle]
    code, out, err = bombus("app", "serve", *given, *options)
    assert (code, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("https", [False, True])
def test_the_command_serves_until_ctrl_c(tmp_path: Path, https: bool) -> None:
    code = (
        # A run in the background may have been told to ignore Ctrl-C, and children inherit that.
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "import sys; from pathlib import Path; import bombus; import edge_app.site as site;"
        "site.PAGES = Path(sys.argv[1]); sys.exit(bombus.run(sys.argv[2:]))"
    )
    pages, bundle = write_pages(tmp_path / "dist"), write_web_bundle(tmp_path / "b").path
    with subprocess.Popen(
        [
            *(sys.executable, "-W", "error", "-u", "-c", code, pages),
            *("app", "serve", "--bundle", bundle, "--port", "0"),
            *(["--https"] if https else []),
        ],
        cwd=ROOT,
        env=os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        found = re.match(r"the app: (https?)://localhost:(\d+)/ \(Ctrl-C stops it\)\n", said)
        assert found
        port = int(found[2])
        connection = HTTPConnection("localhost", port, timeout=30)
        if https:
            pem = tmp_path / "cache" / "bombus" / "certificate.pem"
            trusting = ssl.create_default_context(cafile=str(pem))
            connection = HTTPSConnection("localhost", port, timeout=30, context=trusting)
        assert found[1] == ("https" if https else "http")
        assert ask(connection, "/")[0].status == 200
        process.send_signal(signal.SIGINT)  # while a connection is open
        out, err = process.communicate(timeout=60)
        connection.close()
    assert (process.returncode, out, err) == (0, "", "")
