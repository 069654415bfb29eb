"""Draw the PNG icons of the app from `public/icons/icon.svg`: `python edge_app/web/icons.py`."""

import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

ICONS = Path(__file__).parent / "public" / "icons"
#: File, side in pixels, share of it that the mark fills: launchers cut maskable icons round.
SIZES = (
    ("icon-192.png", 192, 1.0),
    ("icon-512.png", 512, 1.0),
    ("icon-maskable-512.png", 512, 0.8),
)
GREEN = "#2f6b3a"


def main() -> None:
    """Write every icon of `SIZES`."""
    mark = (ICONS / "icon.svg").read_text()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for name, side, share in SIZES:
            page = browser.new_page(viewport={"width": side, "height": side})
            background = "transparent" if share == 1.0 else GREEN
            page.set_content(
                f"<body style='margin:0;background:{background}'>"
                f"<div style='width:{side * share}px;margin:{side * (1 - share) / 2}px'>{mark}"
            )
            page.screenshot(path=ICONS / name, omit_background=share == 1.0)
        browser.close()


if __name__ == "__main__":
    main()
