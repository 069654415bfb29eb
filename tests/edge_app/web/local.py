"""The app on this machine: its server, the browser, and what a visit weighs."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit

from edge_app.serve import SiteServer
from edge_app.site import Site
from models.errors import InputError

# No window, no sandbox for root, nothing that the browser asks of its maker, and no way out.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost",
)


def find_chromium() -> str:
    """Where a browser is; empty if there is none."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((found for name in names if (found := shutil.which(name))), "")


def require_chromium() -> str:
    """Where a browser is.

    Raises:
        InputError: There is none.
    """
    found = find_chromium()
    if not found:
        raise InputError("no Chromium here: apt-get install chromium")
    return found


def camera_flags(film: object) -> list[str]:
    """Flags that put a film before the camera; it is read anew whenever the camera is started."""
    return [
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    ]


@contextmanager
def serving(site: Site, port: int = 0) -> Iterator[SiteServer]:
    """A server of the site while the block runs; `server.site` may be exchanged meanwhile."""
    with SiteServer(site, "localhost", port) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def transferred(site: Site, requests: Iterable[str]) -> dict[str, int]:
    """Bytes that a browser is sent for these addresses, each once, by part of the app."""
    weights = {"pages": 0, "runtime": 0, "model": 0}
    for path in {unquote(urlsplit(url).path).removeprefix("/") or "index.html" for url in requests}:
        if asset := site.get(path):
            part = {"rt": "runtime", "models": "model"}.get(path.partition("/")[0], "pages")
            weights[part] += min([len(asset.data), *map(len, asset.packed.values())])
    return weights
