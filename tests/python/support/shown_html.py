"""What objects show in a notebook, parsed."""

from xml.etree import ElementTree as ET


def parsed(html):
    return ET.fromstring(html)  # noqa: S314 - our own


def cells(obj):
    """The first table of an object, by the names in its first column."""
    tree = parsed(obj._repr_html_())
    return {row[0].text: row[1].text for row in tree.find("table").iter("tr")}


def lines(obj, number=0):
    """A table of an object, row by row."""
    tables = list(parsed(obj._repr_html_()).iter("table"))
    return [[cell.text or "" for cell in row] for row in tables[number].iter("tr")]
