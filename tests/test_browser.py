"""What a person sees, in Chromium: the report, and the notebooks in JupyterLab. It takes the extra `browser`, a Chromium
or Google Chrome on PATH, and axe-core from npm; what is missing is named and skips the test."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parent.parent
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
BAD = '<!DOCTYPE html><html lang="en"><title>bad</title><main><h1>Bad</h1><img src="data:,"><p style="color:#ccc">pale'
SIZES = pytest.mark.parametrize("width", [1280, 390])
SCHEMES = pytest.mark.parametrize("scheme", ["light", "dark"])


@pytest.fixture(scope="module")
def browser():
    """The installed Chromium; playwright's own build is never downloaded."""
    api = pytest.importorskip(
        "playwright.sync_api", reason="no playwright here: pip install -e '.[browser]'"
    )
    path = next(
        filter(None, map(shutil.which, ("chromium", "google-chrome", "chromium-browser"))), None
    )
    if path is None:
        pytest.skip(
            "no Chromium on PATH: install chromium or google-chrome with the system's package manager"
        )
    with api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def browser_page(browser):
    """(width, colour scheme) -> a new page; a page's own security policy does not keep axe out."""
    with contextlib.ExitStack() as stack:

        def page(width=1280, scheme="light"):
            size = {"width": width, "height": 900}
            context = browser.new_context(viewport=size, color_scheme=scheme, bypass_csp=True)
            stack.callback(context.close)
            return context.new_page()

        yield page


def violations(page) -> list[str]:
    """What axe calls serious or critical on the page as it stands: rule, selector, what to do."""
    if not AXE.is_file():
        pytest.skip("no axe-core here: npm install --no-save axe-core")
    page.add_script_tag(path=AXE)
    found = [
        v
        for v in page.evaluate("axe.run()")["violations"]
        if v["impact"] in ("serious", "critical")
    ]
    return [f"{v['id']}: {n['target']}: {n['failureSummary']}" for v in found for n in v["nodes"]]


def requests(page, address: str) -> list[str]:
    """What the page asks for besides itself while it opens."""
    seen = []
    page.on("request", lambda request: seen.append(request.url))
    page.goto(address, wait_until="networkidle")
    return [url for url in seen if url != address and not url.startswith("data:")]


@SIZES
@SCHEMES
def test_axe_finds_nothing_serious_in_the_report(smoke, browser_page, width, scheme):
    """No violation of impact serious or critical, on a desk and on a phone, in light and in dark."""
    page = browser_page(width, scheme)
    page.goto((smoke / "report/index.html").as_uri())
    found = violations(page)
    assert not found, "\n".join(found)


@SCHEMES
def test_axe_can_fail(browser_page, scheme):
    """A picture without words and pale text are found."""
    page = browser_page(390, scheme)
    page.set_content(BAD)
    found = {line.partition(":")[0] for line in violations(page)}
    assert {"image-alt", "color-contrast"} <= found


@SIZES
def test_the_report_does_not_scroll_sideways(smoke, browser_page, width):
    """What is wider than a phone scrolls within itself."""
    page = browser_page(width)
    page.goto((smoke / "report/index.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 1


def test_the_report_asks_nobody_for_anything(smoke, browser_page):
    """Opening the file makes no request but for the file."""
    assert requests(browser_page(), (smoke / "report/index.html").as_uri()) == []


def test_the_request_check_can_fail(tmp_path, browser_page):
    """A picture from elsewhere would be seen."""
    (tmp_path / "bad.html").write_text('<img src="http://127.0.0.1:9/pixel.png" alt="">')
    assert requests(browser_page(), (tmp_path / "bad.html").as_uri()) == [
        "http://127.0.0.1:9/pixel.png"
    ]


@pytest.fixture
def lab(tmp_path):
    """JupyterLab on a copy of the notebooks that writes to results/tiny beside it; its address. No settings are read."""
    results = tmp_path / "results" / "tiny"
    results.mkdir(parents=True)
    (tmp_path / "notebooks").mkdir()
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        # A relative folder would be taken from the repository's own notebooks/, and its results/tiny overwritten.
        text = path.read_text(encoding="utf-8").replace(
            '\\"../results/tiny\\"', f'\\"{results.as_posix()}\\"'
        )
        assert results.as_posix() in text, f"{path.name}: results is not ../results/tiny by default"
        (tmp_path / "notebooks" / path.name).write_text(text, encoding="utf-8")
    news = (
        tmp_path
        / "config/lab/user-settings/@jupyterlab/apputils-extension/notification.jupyterlab-settings"
    )
    news.parent.mkdir(parents=True)
    news.write_text('{"fetchNews": "false"}')  # else it asks, over whatever lies in that corner
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = [
        "--no-browser",
        "--allow-root",
        "--ServerApp.token=''",
        f"--port={port}",
        "--ServerApp.port_retries=0",
    ]
    options += [f"--ServerApp.root_dir={tmp_path}", "--expose-app-in-browser"]
    log = tmp_path / "lab.log"
    with log.open("w") as out:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options],
            cwd=tmp_path / "notebooks",
            env=os.environ | {"JUPYTER_CONFIG_DIR": str(tmp_path / "config")},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for(
            lambda: answers(f"{address}/api") or server.poll() is not None,
            60,
            lambda: log.read_text(),
        )
        assert server.poll() is None, log.read_text()
        yield address
    finally:
        server.terminate()  # it stops its kernels; they are not its process group
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def answers(address: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=5):
        return True
    return False


def wait_for(done, seconds: float, about) -> None:
    """Until `done()`; a failure shows what `about()` says then."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, about()
        time.sleep(0.3)


def run_all(page, lab: str, stem: str, seconds: float = 120) -> None:
    """Open a notebook, Run > Run All Cells, until its last code cell has run; an error in a cell fails."""
    page.goto(f"{lab}/lab/tree/notebooks/{stem}.ipynb")
    idle = page.get_by_text("| Idle")  # the status bar: kernel and its state
    idle.wait_for(timeout=60_000)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()

    def code() -> list[dict]:
        cells = page.evaluate("jupyterapp.shell.currentWidget.content.model.toJSON().cells")
        return [cell for cell in cells if cell["cell_type"] == "code"]

    def errors() -> list[dict]:
        return [out for cell in code() for out in cell["outputs"] if out["output_type"] == "error"]

    wait_for(lambda: errors() or code()[-1]["execution_count"], seconds, code)
    assert not errors(), errors()
    idle.wait_for(timeout=60_000)
    assert page.get_by_text("Error displaying widget").count() == 0


def test_the_first_notebook_runs_in_jupyterlab(lab, browser_page, tmp_path):
    """All cells of 00_environment run from the menu, and its records are written where it says."""
    run_all(browser_page(), lab, "00_environment")
    assert (tmp_path / "results/tiny/records/environment.jsonl").is_file()


@pytest.mark.parametrize(
    ("stem", "label"), [("04_concurrency", "target_ms"), ("05_cost", "utilisation")]
)
def test_a_slider_draws_again_from_the_records(smoke, lab, browser_page, tmp_path, stem, label):
    """In JupyterLab the explorers of 04 and 05 have sliders, and moving one changes what is shown."""
    if stem == "05_cost":
        shutil.copytree(smoke / "records", tmp_path / "results/tiny/records")
    page = browser_page()
    run_all(page, lab, stem, seconds=240)
    explorer = page.locator(".widget-vbox", has_text=label)
    explorer.scroll_into_view_if_needed()
    explorer.get_by_role("slider").first.wait_for()
    before = explorer.locator(".widget-output").inner_html()
    handle = explorer.locator(".widget-slider", has_text=label).get_by_role("slider")
    handle.focus()
    for _ in range(5):
        handle.press("ArrowLeft")
    changed = explorer.locator(".widget-output").inner_html
    wait_for(lambda: changed() != before, 30, lambda: before)
    assert "Traceback" not in changed()
