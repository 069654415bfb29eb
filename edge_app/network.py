"""How a phone finds this machine, and what it will make of what it finds."""

from __future__ import annotations

import ipaddress
import socket
from contextlib import closing, suppress
from io import StringIO


def is_local(host: str) -> bool:
    """Whether an address to listen at is reached from this machine only."""
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def is_any(host: str) -> bool:
    """Whether an address to listen at stands for all of this machine's."""
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_unspecified
    return host == ""


def network_address(host: str) -> str:
    """What other machines call a server that listens at `host`; empty where there is no network."""
    if not is_any(host):
        return "" if is_local(host) else host
    # To ask which way a packet would go sends none; 203.0.113.1 is an address for documentation.
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe, suppress(OSError):
        probe.connect(("203.0.113.1", 9))
        return str(probe.getsockname()[0])
    return ""


def announcement(url: str, *, trusted: bool) -> str:
    """What a person reads who wants the app on a phone.

    Args:
        url: The server's address on the network.
        trusted: Whether its certificate is one that was given, not self-signed.
    """
    lines = [f"on this network: {url}", *_qr_code(url)]
    if not url.startswith("https:"):
        # Without it a browser gives a page no camera, no storage offline and no SHA-256.
        lines.append("Phones run the app from https only: add --https.")
    elif not trusted:
        lines.append(
            "The certificate is self-signed: the phone warns, and must be told once to go on. "
            "Then the camera works; for offline use give a --certificate that the phone trusts."
        )
    return "\n".join(lines)


def _qr_code(url: str) -> list[str]:
    """The lines of a QR code in half blocks; none where `segno` is not installed."""
    try:
        import segno
    except ModuleNotFoundError:
        return []
    out = StringIO()
    segno.make(url, micro=False, error="l").terminal(out, border=2, compact=True)
    return out.getvalue().splitlines()
