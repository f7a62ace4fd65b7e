"""A page read back: its elements, ids, links and numbers."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "br", "hr", "img", "input", "link", "path", "use", "line", "rect", "image"}


@dataclass
class Page(HTMLParser):
    """Notes what stands in a page and what is not well-formed in it."""

    ids: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    numbers: dict[str, list[float]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    section: str = ""
    open_tags: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        HTMLParser.__init__(self, convert_charrefs=True)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.append(tag)
        if len(attributes) < len(attrs):
            self.faults.append(f"<{tag}> with a doubled attribute")
        if tag not in VOID:
            self.open_tags.append(tag)
        if "id" in attributes:
            self.ids.append(attributes["id"])
        if tag == "section":
            self.section = attributes["id"]
        self.links += [attributes[name] for name in ("href", "src", "xlink:href") if name in attributes]
        if tag == "data":
            self.numbers.setdefault(self.section, []).append(float(attributes["value"]))

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open_tags.pop()

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        if not self.open_tags or self.open_tags.pop() != tag:
            self.faults.append(f"</{tag}> closes something else")

    def handle_data(self, data):
        self.text.append(data)


def read(html: str) -> Page:
    """The page, parsed to its end."""
    page = Page()
    page.feed(html)
    page.close()
    page.faults += [f"<{tag}> is never closed" for tag in page.open_tags]
    return page
