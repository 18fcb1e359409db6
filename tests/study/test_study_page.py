"""The page of a study in a real browser, as wide as a desk and as narrow as a telephone."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# A window is never as narrow as a telephone; a frame is. srcdoc lets the outer page look inside.
FRAME = """<!doctype html><title>waiting</title>
<iframe id="frame" style="border: 0" width="{width}" height="800" srcdoc="{page}"></iframe>
<script>
frame.onload = () => {{
  const root = frame.contentDocument.documentElement;
  const paper = getComputedStyle(frame.contentDocument.body).backgroundColor;
  const boxes = [...frame.contentDocument.querySelectorAll("main > *")];
  const reach = Math.max(...boxes.map((box) => box.getBoundingClientRect().right));
  document.title = [root.scrollWidth, root.clientWidth, Math.ceil(reach), paper].join(" | ");
}};
</script>
"""
SCHEMES = {"dark": 0, "light": 1}


def seen(page: Path, width: int, scheme: str, place: Path) -> tuple[int, int, int, list[int]]:
    """Width of the content, of the frame, where boxes end, and the colour behind all."""
    wrapper = place / "frame.html"
    quoted = html.escape(page.read_text(encoding="utf-8"), quote=True)
    wrapper.write_text(FRAME.format(width=width, page=quoted), encoding="utf-8")
    dumped = subprocess.run(
        [
            *(str(CHROMIUM), "--headless=new", "--no-sandbox", "--disable-gpu"),
            *(f"--user-data-dir={place / 'profile'}", "--window-size=1400,900"),
            *(f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}", "--dump-dom"),
            wrapper.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stdout
    title = re.search("<title>(.*?)</title>", dumped)
    assert title is not None
    content, frame, reach, paper = title[1].split(" | ")
    return int(content), int(frame), int(reach), [int(each) for each in re.findall(r"\d+", paper)]


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_nothing_stands_out_of_the_page(small, tmp_path: Path, width: int, scheme: str):
    content, frame, reach, paper = seen(small.done.report.page, width, scheme, tmp_path)
    assert content == frame <= width
    assert 0.9 * min(frame, 1200) < reach <= frame
    assert max(paper) < 60 if scheme == "dark" else min(paper) > 200
