"""Sphinx settings."""

from importlib.metadata import version as installed_version

project = "corewire"
copyright = "the corewire developers"  # noqa: A001
release = installed_version("corewire")
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
html_theme = "furo"
myst_heading_anchors = 3
autodoc_typehints = "description"
