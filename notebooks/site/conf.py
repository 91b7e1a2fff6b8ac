"""The site: pages of `notebooks/`, reference from the docstrings, search.  `make docs` builds it.

Nothing is executed here: `make notebooks` has written the pages with their results.  Nothing is
loaded from elsewhere: fonts are the reader's own, formulas are MathML.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import contents  # noqa: E402  (beside this file)
import docstrings  # noqa: E402
import formulas  # noqa: E402

import npcf  # noqa: E402

project, author, copyright = "npcf", "npcf", "npcf"
release = version = npcf.__version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "index"
source_suffix = {".rst": "restructuredtext", ".md": "myst-nb"}
exclude_patterns = ["site", "*.py", "pictures"]
nb_execution_mode = "off"
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3
suppress_warnings = ["myst.header"]  # pages for GitHub may go from # to ###

highlight_language = "none"  # what is indented is a formula; Python says that it is
default_role = "py:obj"  # `name` in a docstring: a link where the name is documented
add_module_names = False
autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints = "none"  # docstrings say shapes, which types cannot
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 88

html_theme = "furo"
html_title = f"npcf {release}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_math_renderer = "mathml"
html_theme_options = {"footer_icons": []}


def setup(app):
    for part in (contents, docstrings, formulas):
        part.setup(app)
