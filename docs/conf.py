"""Sphinx reads this file. The build needs the installed package and no network."""

import sys
from pathlib import Path

import rankme

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "rankme"
author = "The rankme developers"
project_copyright = author
release = version = rankme.__version__

extensions = [
    "myst_nb",  # myst_parser, and notebooks
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "command_reference",
    "formats_table",
    "mathml",
]
templates_path = ["_templates"]
exclude_patterns = ["_ext", "_static", "_templates"]

nitpicky = True

# In docstrings a name between single backticks is a link where it is a public name, and is set in
# italics where it is an argument.
default_role = "autolink"

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
# Quotes and dashes may be those of a command: whoever copies it needs them as they are.
smartquotes = False

# The notebooks of the gallery run at every build, and a cell that fails is an error.
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_output_stderr = "remove"  # libraries that miss a widget; the tests hold warnings to be errors
nb_execution_timeout = 600  # seconds a cell; at rest all of them take less than one minute

autosummary_generate = True
autodoc_typehints = "none"  # the docstrings have the types, in words
# The modules of the engines only hand these on; what is read here are docstrings of our own.
autodoc_mock_imports = [
    "dask",
    "jax",
    "lightning",
    "pyspark",
    "ray",
    "sentence_transformers",
    "sklearn",
    "torch",
    "torchmetrics",
    "transformers",
]
# A page of a class lists its members by the template; numpydoc would list them once more.
numpydoc_show_class_members = False

html_math_renderer = "mathml"
html_theme = "pydata_sphinx_theme"
html_title = f"rankme {version}"
html_static_path = ["_static"]
html_css_files = ["wide.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "header_links_before_dropdown": 7,
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
}
