"""Sphinx settings."""

from importlib.metadata import version as installed_version

project = "corewire"
copyright = "the corewire developers"  # noqa: A001
release = installed_version("corewire")
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinxcontrib.mermaid"]
exclude_patterns = ["_build"]
html_theme = "furo"
myst_heading_anchors = 3
myst_fence_as_directive = ["mermaid"]  # so that GitHub draws them, too
autodoc_typehints = "description"
