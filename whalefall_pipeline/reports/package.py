"""The files of a page, with a manifest of their SHA-256 that `sha256sum -c` checks."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from whalefall_pipeline.reports.html import render_html
from whalefall_pipeline.reports.page import Page
from whalefall_pipeline.reports.workbook import render_workbook

MANIFEST = "manifest.sha256"


def build_package(page: Page, stem: str) -> dict[str, bytes]:
    """Return the files by name, the manifest last; the same page is the same bytes."""
    files = {f"{stem}.html": render_html(page), f"{stem}.xlsx": render_workbook(page)}
    return {**files, MANIFEST: _build_manifest(files)}


def _build_manifest(files: Mapping[str, bytes]) -> bytes:
    return "".join(f"{sha256(content).hexdigest()}  {name}\n" for name, content in sorted(files.items())).encode()


def write_package(files: Mapping[str, bytes], folder: Path) -> None:
    """Write the files into a folder, which is made for its owner alone; files of these names are replaced."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
