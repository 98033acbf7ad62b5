"""Has the site show the repository's pages from where they are, so that a link works here and there alike."""

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

TOP = Path(__file__).parents[1]
PAGES = ("*.md", "docs/*.md", "docs/*.png", "deploy/README.md")


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Return the pages and pictures by their paths in the repository, and what the theme brings."""
    theme = [file for file in files if file.src_dir != config.docs_dir]
    paths = [path for pattern in PAGES for path in sorted(TOP.glob(pattern))]
    return Files(theme + [File.generated(config, str(path.relative_to(TOP)), abs_src_path=str(path)) for path in paths])
