"""Formulas as MathML, which every browser draws by itself.

The usual way, MathJax, loads a program from another site at every visit: without that site a page
shows raw TeX, and the site sees who reads what.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from docutils.nodes import SkipNode
from latex2mathml.converter import convert

if TYPE_CHECKING:
    from docutils.nodes import Element
    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata
    from sphinx.writers.html5 import HTML5Translator


SPACE = '<mspace width="0.17em"/>'
# Bars of absolute values and norms: browsers take one that closes for a relation, with its spaces,
# and stretch one that has an index.
BAR = re.compile("<mo[^>]*>(&#x0007C;|&#x02016;)</mo>")


def _mathml(tex: str, display: str) -> str:
    """Translate a formula; p log p would come out as one word."""
    text = convert(tex, display=display).replace("<mi>log</mi>", f"{SPACE}<mi>log</mi>{SPACE}")
    return BAR.sub(r'<mo stretchy="false" lspace="0" rspace="0">\1</mo>', text)


def _inline(translator: HTML5Translator, node: Element) -> None:
    """Write a formula in a line."""
    translator.body.append(_mathml(node.astext(), "inline"))
    raise SkipNode


def _block(translator: HTML5Translator, node: Element) -> None:
    """Write a formula that has lines of its own, and scrolls where the screen is narrow."""
    translator.body.append(f'<div class="math">{_mathml(node.astext(), "block")}</div>')
    raise SkipNode


def setup(app: Sphinx) -> ExtensionMetadata:
    """Tell Sphinx of the renderer."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
