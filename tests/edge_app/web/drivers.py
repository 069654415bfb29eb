"""The least that drives the browsers which Playwright cannot: each protocol is a few lines."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

PATIENCE = 60.0  # seconds
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # what WebDriver calls a reference to one
T = TypeVar("T")
MINI_BROWSER = "/usr/lib/*/webkit2gtk-4.*/MiniBrowser"


class Driver(Protocol):
    """A browser with one page."""

    def open(self, url: str) -> None:
        """Load a page."""

    def script(self, body: str) -> Any:
        """Run the body of a function in the page; its JSON result."""

    def upload(self, selector: str, file: Path) -> None:
        """Choose a file."""


class Firefox:
    """Firefox by Marionette, its own protocol: JSON over TCP, each message after its length."""

    def __init__(self, port: int) -> None:
        self._socket = _until(lambda: socket.create_connection(("127.0.0.1", port)))
        self._stream = self._socket.makefile("rb")
        self._read()  # who it is
        self._ask("WebDriver:NewSession", {})

    def open(self, url: str) -> None:
        self._ask("WebDriver:Navigate", {"url": url})

    def script(self, body: str) -> Any:
        return self._ask("WebDriver:ExecuteScript", {"script": body, "args": []})["value"]

    def upload(self, selector: str, file: Path) -> None:
        found = self._ask("WebDriver:FindElement", {"using": "css selector", "value": selector})
        keys = {"id": found["value"][ELEMENT], "text": str(file)}
        self._ask("WebDriver:ElementSendKeys", keys)

    def close(self) -> None:
        self._stream.close()
        self._socket.close()

    def _ask(self, command: str, parameters: dict[str, Any]) -> Any:
        message = json.dumps([0, 1, command, parameters])
        self._socket.sendall(f"{len(message)}:{message}".encode())
        _, _, error, result = self._read()
        assert error is None, error
        return result

    def _read(self) -> Any:
        length = b""
        while not length.endswith(b":"):
            length += self._stream.read(1)
        return json.loads(self._stream.read(int(length[:-1])))


class WebKit:
    """WebKitGTK by WebDriver: JSON over HTTP."""

    def __init__(self, port: int, browser: str) -> None:
        self._url = f"http://127.0.0.1:{port}/session"
        options = {"binary": browser, "args": ["--automation"]}
        wanted = {"browserName": "MiniBrowser", "webkitgtk:browserOptions": options}
        session = _until(lambda: self._ask("", {"capabilities": {"alwaysMatch": wanted}}))
        self._url += f"/{session['sessionId']}"

    def open(self, url: str) -> None:
        self._ask("/url", {"url": url})

    def script(self, body: str) -> Any:
        return self._ask("/execute/sync", {"script": body, "args": []})

    def upload(self, selector: str, file: Path) -> None:
        found = self._ask("/element", {"using": "css selector", "value": selector})
        self._ask(f"/element/{found[ELEMENT]}/value", {"text": str(file)})

    def close(self) -> None:
        self._ask("", None, "DELETE")

    def _ask(self, path: str, parameters: Any, method: str = "POST") -> Any:
        data = None if parameters is None else json.dumps(parameters).encode()
        request = urllib.request.Request(self._url + path, data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()) from error


def _until(attempt: Callable[[], T]) -> T:
    """The result, once what is being started answers."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return attempt()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: list[str]) -> Iterator[None]:
    """A process and all that it starts."""
    with subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGTERM)


@contextmanager
def firefox(profile: Path) -> Iterator[Firefox]:
    """Firefox without a window, on a fresh profile."""
    path = shutil.which("firefox-esr") or shutil.which("firefox")
    if not path:
        raise FileNotFoundError("no Firefox here: apt-get install firefox-esr")
    port = free_port()
    profile.mkdir()
    (profile / "user.js").write_text(f'user_pref("marionette.port", {port});\n')
    with running([path, "--headless", "--marionette", "--profile", str(profile)]):
        driver = Firefox(port)
        yield driver
        driver.close()


@contextmanager
def webkit(_: Path) -> Iterator[WebKit]:
    """WebKitGTK's small browser on a screen that is none."""
    found = [shutil.which("WebKitWebDriver"), shutil.which("xvfb-run")]
    browsers = sorted(Path("/").glob(MINI_BROWSER[1:]))
    if not all(found) or not browsers:
        raise FileNotFoundError("no WebKitGTK here: apt-get install webkit2gtk-driver xvfb xauth")
    port = free_port()
    with running([str(found[1]), "-a", str(found[0]), f"--port={port}"]):
        driver = WebKit(port, str(browsers[-1]))
        yield driver
        driver.close()
