"""Makes the pictures of the README: labelonce's report, and Label Studio's tabs after a run on the sample photos.

    .venv/bin/python examples/screenshots.py

Needs Playwright (a development dependency) and Chromium. Label Studio runs on a data directory of its own.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from label_studio_server import LabelStudioServer
from labelonce.label_studio.server import Server

HERE = Path(__file__).resolve().parent
PICTURES = HERE / "screenshots"
PATIENCE = 60_000  # ms
LABEL_CONFIG = (
    '<View><Image name="image" value="$image"/>'
    '<RectangleLabels name="label" toName="image"><Label value="Object"/></RectangleLabels></View>'
)


def labelonce(server: LabelStudioServer, folder: str, *arguments: str) -> None:
    """Run the command line on the server."""
    environment = {
        **os.environ,
        "LABEL_STUDIO_URL": server.url,
        "LABEL_STUDIO_API_KEY": server.token,
        "LABELONCE_STORE": str(Path(folder, "store.sqlite3")),
    }
    subprocess.run([sys.executable, "-m", "labelonce", *arguments], env=environment, check=True)


def main() -> None:
    """Run labelonce on the sample photos and take the pictures."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise SystemExit("There is no Chromium: install it first, on Debian with apt install chromium.")
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, LabelStudioServer(Path(folder, "server")) as server:
        made = Server(server.url, server.token).post(
            "/api/projects/", {"title": "Sample photos", "label_config": LABEL_CONFIG}, repeatable=False
        )
        number = str(made["id"])
        labelonce(server, folder, "upload", str(HERE / "photos"), "-p", number, "--with-duplicates")
        labelonce(server, folder, "run", "-p", number)
        page_file = Path(folder, "report.html")
        rates = ("--seconds-per-label", "20", "--hourly-rate", "30", "--currency", "EUR")
        labelonce(server, folder, "report", "-p", number, "--html", str(page_file), *rates)
        with sync_playwright() as driver:
            arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
            browser = driver.chromium.launch(executable_path=chromium, args=arguments)
            for scheme in ("light", "dark"):
                page = browser.new_page(viewport={"width": 1280, "height": 1500}, color_scheme=scheme)
                page.goto(page_file.as_uri())
                page.screenshot(path=PICTURES / f"report-{scheme}.png")
            page = browser.new_page(viewport={"width": 1280, "height": 640})
            page.goto(f"{server.url}/user/login/")
            page.fill("input[name=email]", server.email)
            page.fill("input[name=password]", server.password)
            page.click("button[type=submit]")
            page.wait_for_url(re.compile(r"/$|/projects"), timeout=PATIENCE)
            page.goto(f"{server.url}/projects/{number}/data")
            for title, name in (("labelonce: to label", "to-label"), ("labelonce: duplicates", "duplicates")):
                page.get_by_role("tab", name=title).click(timeout=PATIENCE)
                page.wait_for_load_state("networkidle")
                page.wait_for_timeout(2000)  # pictures are faded in
                page.screenshot(path=PICTURES / f"{name}.png")
            browser.close()
    print(f"Wrote {', '.join(str(path.relative_to(HERE.parent)) for path in sorted(PICTURES.iterdir()))}.")


if __name__ == "__main__":
    main()
