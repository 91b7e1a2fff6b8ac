"""Formulas as MathML, which browsers draw by themselves: no script, no font of another server."""

from latex2mathml.converter import convert


def setup(app):
    app.add_html_math_renderer("mathml", (inline, None), (block, None))


def inline(writer, node):
    leave(writer, convert(node.astext()))


def block(writer, node):
    leave(writer, f'<div class="math">{convert(node.astext(), display="block")}</div>')


def leave(writer, made):
    from docutils.nodes import SkipNode

    writer.body.append(made)
    raise SkipNode
