"""The pages in headless Chromium: nothing breaks, nothing overflows, all can be read and sorted by keyboard."""

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import report_example as example
from regrasp.report.compared import ComparisonRecord, comparison_page
from regrasp.report.markup import section, table
from regrasp.report.page import render_page, whole_page
from regrasp.report.panelled import CaseRow, PanelRecord, panel_page

CHROMIUM, DRIVER = (shutil.which(name) for name in ("chromium", "chromedriver"))
webdriver = pytest.importorskip("selenium.webdriver", reason="selenium (extra dev) is not installed")
By = pytest.importorskip("selenium.webdriver.common.by").By
Keys = pytest.importorskip("selenium.webdriver.common.keys").Keys
Service = pytest.importorskip("selenium.webdriver.chrome.service").Service
pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="no Chromium with chromedriver on this machine")

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --hide-scrollbars"
)
# Text against what lies behind it: the nearest painted background, colours as Chromium resolves them on a canvas.
CONTRAST = """
const context = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
const rgba = color => { context.clearRect(0, 0, 1, 1); context.fillStyle = color; context.fillRect(0, 0, 1, 1);
  return context.getImageData(0, 0, 1, 1).data; };
const light = color => { const [r, g, b] = [...rgba(color)].slice(0, 3).map(v => v / 255)
  .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
const behind = node => { for (; node; node = node.parentElement) {
  const color = getComputedStyle(node).backgroundColor; if (rgba(color)[3] === 255) return color; } return "white"; };
const low = {};
for (const node of document.querySelectorAll("body *")) {
  if (!node.checkVisibility() || node.closest("svg, script")) continue;
  if (![...node.childNodes].some(child => child.nodeType === 3 && child.data.trim())) continue;
  const [x, y] = [light(getComputedStyle(node).color), light(behind(node))];
  const ratio = (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
  if (ratio < 4.5) low[node.tagName + "." + node.className + ": " + node.textContent.slice(0, 30)] = ratio;
}
return low;
"""


def comparison() -> str:
    base = example.finished()
    assert base.cloned
    assert base.tuned
    assert base.comparison
    strips = [replace(base.strips[0], policy=name) for name in "AB"]
    trials = {"A": base.cloned.trials, "B": base.tuned.trials}
    names = ("runs/a-long-name-of-a-run/checkpoints/bc", "runs/a-long-name-of-a-run/checkpoints/rl")
    digests = {"A": example.DIGEST, "B": example.DIGEST, "panel": example.DIGEST}
    record = ComparisonRecord(
        base.task,
        names,
        digests,
        base.primary,
        base.rate,
        100,
        base.regions,
        trials,
        base.comparison,
        style_distance=base.style_distance,
        strips=strips,
    )
    return comparison_page(record)


def panel() -> str:
    cases = [CaseRow(t.object, t.disturbance, t.magnitude) for t in example.trials(False, 1)]
    starts = example.finished().strips[:1]
    envelopes = {"push": (0.0, 1.5), "slip": (0.0, 9.0)}
    return panel_page(PanelRecord("panel.json", "adroit-door", example.DIGEST, cases, (), envelopes, starts=starts))


PAGES: dict[str, Callable[[], str]] = {
    "run": lambda: render_page(example.finished()),
    "comparison": comparison,
    "panel": panel,
}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM or ""
    for flag in [*FLAGS.split(), f"--user-data-dir={tmp_path_factory.mktemp('profile')}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, Service(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module", params=PAGES)
def page(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / f"{request.param}.html"
    path.write_text(PAGES[request.param](), "utf-8")
    return path


def opened(browser: Any, page: Path, width: int = 1440, scheme: str = "light") -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    scheme_media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", scheme_media)
    for log in ("browser", "performance"):
        browser.get_log(log)
    browser.get(page.as_uri())


@pytest.mark.parametrize("width", [390, 1440])
def test_nothing_overflows_breaks_or_asks_the_network(browser: Any, page: Path, width: int) -> None:
    opened(browser, page, width)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    outside = "return [...document.querySelectorAll('main *')].filter(n => !n.closest('.scroll, pre, svg, details')"
    outside += " && n.getBoundingClientRect().right > innerWidth + 1).map(n => n.outerHTML.slice(0, 80))"
    assert browser.execute_script(outside) == []
    images = "return [...document.images].map(i => i.complete && i.naturalWidth > 0)"
    assert all(browser.execute_script(images))
    assert browser.get_log("browser") == []
    sent = [
        line["message"] for line in browser.get_log("performance") if 'Network.requestWillBeSent"' in line["message"]
    ]
    assert not [line for line in sent if '"url":"http' in line or '"url":"ws' in line]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_light_and_dark(browser: Any, page: Path, scheme: str) -> None:
    opened(browser, page, scheme=scheme)
    assert browser.execute_script(f"return matchMedia('(prefers-color-scheme:{scheme})').matches")
    browser.execute_script("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert browser.execute_script(CONTRAST) == {}


def test_tables_sort_by_keyboard(browser: Any, page: Path) -> None:

    opened(browser, page)
    button = browser.find_element(By.CSS_SELECTOR, "thead th:nth-child(2) button")
    head = button.find_element(By.XPATH, "..")
    cells = "return [...arguments[0].closest('table').tBodies[0].rows].map(r => r.cells[1].innerText)"
    before = browser.execute_script(cells, head)
    states = []
    for _ in range(2):
        button.send_keys(Keys.ENTER)
        states.append((head.get_attribute("aria-sort"), browser.execute_script(cells, head)))
    assert [state for state, _ in states] == ["ascending", "descending"]
    assert all(sorted(shown) == sorted(before) for _, shown in states)
    assert states[0][1] == states[1][1][::-1]


def test_numbers_sort_as_numbers(browser: Any, tmp_path: Path) -> None:

    rows = [["b", "+5"], ["a", "\N{MINUS SIGN}12.5"], ["c", "–"], ["d", "100 %"], ["e", "< 0.001"]]
    path = tmp_path / "page.html"
    path.write_text(whole_page("t", {}, [section("s", "S", table("T", ["name", "value"], rows))]), "utf-8")
    opened(browser, path)
    browser.execute_script("document.querySelectorAll('th button')[1].click()")
    names = browser.execute_script("return [...document.querySelectorAll('tbody th')].map(n => n.innerText)")
    assert names == ["a", "e", "b", "d", "c"]


def test_a_reader_without_a_mouse_finds_the_way(browser: Any, page: Path) -> None:

    opened(browser, page)
    browser.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    focused = browser.switch_to.active_element
    assert focused.get_attribute("class") == "skip"
    assert focused.rect["x"] >= 0
    focused.send_keys(Keys.ENTER)
    assert browser.switch_to.active_element.tag_name == "main"
    unnamed = (
        "return [...document.querySelectorAll('table')].filter(t => !t.caption || t.querySelector('th:not([scope])'))"
    )
    assert browser.execute_script(f"{unnamed}.length") == 0


def test_a_page_for_2000_trials_is_quick_and_small() -> None:
    before, after = example.trials(False, 1, 2000 / 620), example.trials(True, 2, 2000 / 620)
    assert abs(len(before) - 2000) < 10
    begin = time.monotonic()
    content = render_page(example.compared(before, after))
    assert time.monotonic() - begin < 30
    assert len(content.encode()) < 10_000_000
