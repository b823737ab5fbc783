"""A page in a real browser, and everything on it that went wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from playwright.async_api import Browser, ConsoleMessage, Page, Request, Response, expect

PATIENCE_MS = 180_000
"""How long a page may take on a busy machine. A wait ends as soon as it may."""
expect.set_options(timeout=PATIENCE_MS)
WIDE, PHONE = {"width": 1280, "height": 800}, {"width": 360, "height": 740}
# What ran because of somebody's text would tell through one of these.
WATCH = """
window.broken = [];
addEventListener("securitypolicyviolation", (event) =>
  broken.push(`policy: ${event.violatedDirective} ${event.blockedURI}`));
for (const name of ["alert", "confirm", "prompt"]) window[name] = () => broken.push(name);
// A pattern that is no expression is ignored, and only told of once the form is sent.
window.found = () => {
  for (const { pattern } of document.querySelectorAll("[pattern]")) {
    try { new RegExp(pattern, "v"); } catch (error) { broken.push(`${error}`); }
  }
  return broken.splice(0);
};
"""
# Whether something is wider than the page, without a scroll bar of its own.
TOO_WIDE = """() => {
  const wide = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= wide) return [];
  return [...document.querySelectorAll("body *")].filter(
    (one) => one.getBoundingClientRect().right > wide + 1 && !one.closest(".skip, .unseen"),
  ).map((one) => one.outerHTML.slice(0, 120)).slice(0, 3);
}"""
AXE = """async (rules) => {
  const found = await axe.run(document, {
    resultTypes: ["violations"],
    ...(rules ? { runOnly: { type: "rule", values: rules } } : {}),
  });
  const shown = (nodes) => nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(" | ");
  return found.violations.map((one) => `${one.id}: ${shown(one.nodes)}`);
}"""


@dataclass
class Tab:
    """One page of one browser session. ``faults``: what should not have happened."""

    page: Page
    url: str
    axe: str
    faults: list[str] = field(default_factory=list)

    async def open(self, path: str, status: int = 200) -> None:
        """Open a page of the dashboard."""
        response = await self.page.goto(self.url + path)
        assert response is not None
        assert response.status == status, path

    async def check(self, where: str = "") -> None:
        """Fail if anything ran, was blocked or was fetched from elsewhere."""
        self.faults += [f"{where} {what}" for what in await self.page.evaluate("found()")]
        assert self.faults == [], where

    async def fits(self) -> list[str]:
        """Return what makes the page scroll sideways."""
        found: list[str] = await self.page.evaluate(TOO_WIDE)
        return found

    async def barriers(self, *rules: str) -> list[str]:
        """Return what axe finds; of these rules alone if some are named."""
        if not await self.page.evaluate("'axe' in window"):
            await self.page.evaluate(self.axe)
        found: list[str] = await self.page.evaluate(AXE, list(rules) or None)
        return found


@asynccontextmanager
async def open_tab(
    browser: Browser, url: str, axe: str, cookie: tuple[str, str] | None = None
) -> AsyncIterator[Tab]:
    """Open a page in a session of its own: no cookie but the one that is given."""
    context = await browser.new_context(viewport=WIDE, reduced_motion="reduce")  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE_MS)
    if cookie is not None:
        await context.add_cookies([{"name": cookie[0], "value": cookie[1], "url": url}])
    await context.add_init_script(WATCH)
    page = await context.new_page()
    tab = Tab(page, url, axe)

    def on_console(message: ConsoleMessage) -> None:
        # A refused form is a response like any other; the test looks at its status.
        if message.type == "error" and "Failed to load resource" not in message.text:
            tab.faults.append(f"console: {message.text}")

    def on_request(request: Request) -> None:
        if not request.url.startswith((url, "data:")):
            tab.faults.append(f"elsewhere: {request.url}")

    def on_response(response: Response) -> None:
        if response.status >= 500:
            tab.faults.append(f"{response.status}: {response.url}")

    page.on("console", on_console)
    page.on("pageerror", lambda error: tab.faults.append(f"script: {error}"))
    page.on("request", on_request)
    page.on("response", on_response)
    try:
        yield tab
    finally:
        await context.close()
