"""The app as a person uses it, so that tests read like what a person does.

`Phone` is a browser profile that is watched: what it asks of other hosts and what its console
complains of fails the test at the end. `App` is the app in one of its tabs.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, expect

PATIENCE = 30_000  # milliseconds: the machine may be busy
expect.set_options(timeout=PATIENCE)

# LiteRT.js logs what it does through console.error.
CHATTER = re.compile(r"^(INFO|WARNING): |Created TensorFlow Lite|No GPU adapter|ML Drift")

# Puts itself between the page and its worker: counts questions, keeps answers, and can hold them
# back, as a slow phone would.
WIRE = """
(() => {
  const Native = globalThis.Worker;
  const wire = { questions: 0, answers: [], held: [], holding: false };
  globalThis.wire = wire;
  globalThis.Worker = class extends Native {
    postMessage(message, transfer) {
      if (message.type === "recognise") wire.questions++;
      super.postMessage(message, transfer);
    }
    set onmessage(listener) {
      super.onmessage = (event) => {
        if (event.data.type === "recognised") {
          wire.answers = [...wire.answers.slice(-1), event.data.outputs];
          if (wire.holding) return void wire.held.push(() => listener(event));
        }
        listener(event);
      };
    }
  };
})();
"""

# What sticks out of the page to the left or the right.
TOO_WIDE = """
() => {
  const page = document.documentElement;
  const wide = page.scrollWidth > page.clientWidth ? [`page: ${page.scrollWidth}`] : [];
  const words = "h1, h2, button, a, label, legend, dt, dd, p, summary";
  for (const one of document.querySelectorAll(words)) {
    const { right, left, width } = one.getBoundingClientRect();
    const hidden = one.closest(".unseen, .skip");
    if (!hidden && width && (right > page.clientWidth + 1 || left < -1)) {
      wide.push(`${one.tagName} ${one.textContent} ${left}-${right}`);
    }
  }
  return wide;
}
"""


@dataclass(frozen=True)
class Guess:
    """A line of the verdict: the name shown, and the percentage."""

    name: str
    percent: int


class Phone:
    """A browser profile and what it asks for and complains of."""

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self._expected: list[re.Pattern[str]] = [CHATTER]
        context.set_default_timeout(PATIENCE)
        context.add_init_script(WIRE)
        context.on("request", lambda request: self.requests.append(request.url))
        context.on("console", self._hear)
        context.on("weberror", lambda error: self.complaints.append(f"uncaught: {error.error}"))

    def expect_complaint(self, pattern: str) -> None:
        """What this test provokes on purpose."""
        self._expected.append(re.compile(pattern))

    def open(self, url: str, *, tips: bool = False) -> App:
        """Open the app in a new tab; the tips of a first run are skipped unless wanted.

        A loaded page is not yet a drawn one, so what is to be seen first is waited for.
        """
        app = App(self, self.context.new_page(), url)
        app.page.goto(url)
        if tips:
            app.page.locator("dialog.tips[open]").wait_for()
        else:
            app.skip_tips()
        return app

    def check(self) -> None:
        """Fail on a request to another host, and on an error that was not provoked."""
        hosts = {(urlsplit(url).scheme, urlsplit(url).hostname) for url in self.requests}
        foreign = {pair for pair in hosts if pair[0] not in {"blob", "data"}} - {
            ("http", "localhost"),
            ("https", "localhost"),
        }
        assert not foreign, f"asked of others: {foreign}"
        unexpected = [c for c in self.complaints if not any(p.search(c) for p in self._expected)]
        assert not unexpected, unexpected

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(message.text)


class App:
    """The app in one tab."""

    def __init__(self, phone: Phone, page: Page, url: str) -> None:
        self.phone, self.page, self.url = phone, page, url

    # ---- around the screens

    def skip_tips(self) -> None:
        """Leave the tips of the first run, if this is one."""
        self.page.get_by_role("heading", level=1).wait_for()
        skip = self.page.locator("dialog.tips .button.quiet")
        if skip.count():
            skip.click()

    def wait_ready(self, *, offline: bool = False) -> App:
        """Wait until it can recognise; with `offline`, until it says that it needs no network."""
        words = "Ready offline" if offline else re.compile("^Ready")
        expect(self.status).to_have_text(words)
        return self

    @property
    def status(self) -> Locator:
        return self.page.locator("header [role=status]")

    def go(self, screen: str) -> App:
        """To a place of the navigation by its address: identify, species, history, settings."""
        self.page.locator(f'nav a[href="#/{screen}"]').click()
        self.page.locator(f'nav a[href="#/{screen}"][aria-current=page]').wait_for()
        return self

    def restart(self) -> App:
        self.page.reload()
        self.skip_tips()
        return self

    def button(self, name: str | re.Pattern[str]) -> Locator:
        return self.page.get_by_role("button", name=name)

    def tap(self, name: str | re.Pattern[str]) -> None:
        self.button(name).click()

    @property
    def heading(self) -> Locator:
        return self.page.get_by_role("heading", level=1)

    @property
    def alert(self) -> Locator:
        """What is shown and read aloud at once."""
        return self.page.locator("[role=alert]:not(:empty)")

    @property
    def message(self) -> Locator:
        """The short message at the foot of the screen."""
        return self.page.locator(".toasts [role=status]:not(:empty)")

    def too_wide(self) -> list[str]:
        """What sticks out of the page sideways."""
        return list(self.page.evaluate(TOO_WIDE))

    # ---- photos and verdicts

    def choose(self, *photos: Path) -> None:
        """Choose photos from the gallery, as a new plant."""
        if not self.page.url.endswith(("#/identify", "/")):
            self.go("identify")
        self.page.get_by_label("Choose photos").set_input_files(photos)

    def add(self, *photos: Path) -> None:
        """Add photos of the same plant; those at hand have their verdict until these are open."""
        before = self.page.locator(".strip-item").count() or 1  # one alone is not listed
        self.page.get_by_label("Add photos of this plant").set_input_files(photos)
        expect(self.page.locator(".strip-item")).to_have_count(before + len(photos))

    def recognise(self, *photos: Path) -> str:
        """Choose photos and wait for the verdict: sure, unsure or unknown."""
        self.choose(*photos)
        return self.wait_verdict()

    @property
    def card(self) -> Locator:
        return self.page.locator("section.verdict")

    @property
    def spoken(self) -> Locator:
        """The verdict as a screen reader says it."""
        return self.page.get_by_test_id("spoken")

    def wait_verdict(self) -> str:
        """Wait for the verdict: sure, unsure or unknown."""
        self.page.locator('section.verdict[aria-busy="false"]').wait_for()
        classes = self.card.get_attribute("class") or ""
        return classes.split()[-1]

    def guesses(self) -> list[Guess]:
        """The guesses shown, the best first; those that an unknown flower hides are opened."""
        hidden = self.button("See the guesses anyway")
        if hidden.count():
            hidden.click()
        return self.listed_guesses()

    def listed_guesses(self) -> list[Guess]:
        items = self.page.locator(".guess")
        names = items.locator(".guess-name").all_inner_texts()
        numbers = items.locator(".guess-number").all_inner_texts()
        return [
            Guess(name, int(number.rstrip("%")))
            for name, number in zip(names, numbers, strict=True)
        ]

    def save(self) -> None:
        self.tap("Save to history")
        self.page.get_by_role("link", name="Saved to history").wait_for()

    # ---- the camera

    @property
    def live(self) -> Locator:
        """The running verdict."""
        return self.page.locator(".live-name")

    # ---- history

    @property
    def finds(self) -> Locator:
        return self.page.locator("main ul.cards > li")

    def open_find(self, name: str) -> None:
        self.finds.filter(has_text=name).first.get_by_role("link").click()
        self.page.get_by_role("button", name="Delete").wait_for()

    def download(self, start: Callable[[], None]) -> Path:
        """What the browser saves after `start`."""
        with self.page.expect_download() as waiting:
            start()
        return Path(waiting.value.path())

    # ---- the line to the worker

    def hold(self) -> None:
        """Hold back the worker's answers."""
        self.page.evaluate("() => void (wire.holding = true)")

    def release(self) -> None:
        """Let them through, those held and those to come."""
        self.page.evaluate(
            "() => { wire.holding = false; wire.held.splice(0).forEach((give) => give()); }"
        )

    def wait_held(self) -> None:
        """Wait until the worker has answered and its answer is held."""
        wait_until(self.page, "() => wire.held.length > 0")

    def questions(self) -> int:
        """How often the worker has been asked."""
        return int(self.page.evaluate("() => wire.questions"))

    def wait_question(self, count: int) -> None:
        """Wait until it has been asked so often."""
        wait_until(self.page, f"() => wire.questions >= {count}")


def wait_until(page: Page, condition: str, timeout: float = PATIENCE) -> None:
    """Poll a condition; Playwright's own needs `eval`, which the page's policy forbids."""
    waited = 0.0
    while not page.evaluate(condition):
        assert waited < timeout, f"not within {timeout / 1000:g} s: {condition}"
        page.wait_for_timeout(50)
        waited += 50
