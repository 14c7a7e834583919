"""What the page of a record asks a version for is what a version has."""

from importlib.resources import files

from jinja2 import Environment, nodes

from console.records import Version


def test_the_page_of_a_record_asks_for_what_a_version_has() -> None:
    text = files("console").joinpath("templates", "record.html.j2").read_text(encoding="utf-8")
    page = Environment(autoescape=True, extensions=["jinja2.ext.i18n"]).parse(text)
    asked = {
        node.attr
        for node in page.find_all(nodes.Getattr)
        if isinstance(node.node, nodes.Name) and node.node.name == "v"
    }
    assert {"number", "given_as"} <= asked
    assert {name for name in asked if not hasattr(Version, name)} == set()
