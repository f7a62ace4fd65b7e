"""matplotlib's SVG made fit to stand inside a page: small, without addresses, with ids of its own."""

import re

_PROLOGUE = re.compile(r"<\?xml.*?\?>|<!DOCTYPE.*?>|<metadata>.*?</metadata>|<style.*?</style>", re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_ID = re.compile(r' id="([^"]*)"')
_LONG_DECIMAL = re.compile(r"(\.\d\d)\d+")
_FONT_FAMILY = re.compile(r"font-family: [^;\"]*;? ?")
_IDLE_ROTATION = re.compile(r' transform="rotate\(-0 [^"]*\)"')


def inline(text: str, *, prefix: str, label: str) -> str:
    """The drawing as an element of an HTML page; it takes the page's font and the width it is given.

    `prefix` keeps the ids of several drawings apart; `label` is read aloud in place of the drawing.
    """
    text = _PROLOGUE.sub("", text)
    used = set(re.findall(r'(?:#|url\(#)([\w.-]+)["\)]', text))

    def tidy(match: re.Match[str]) -> str:
        tag = match.group(0)
        tag = _ID.sub(lambda m: f' id="{prefix}-{m[1]}"' if m[1] in used else "", tag)
        tag = tag.replace("url(#", f"url(#{prefix}-").replace('xlink:href="#', f'href="#{prefix}-')
        tag = tag.replace("xlink:href", "href")
        tag = _IDLE_ROTATION.sub("", _FONT_FAMILY.sub("", tag))
        return tag if "base64," in tag else _LONG_DECIMAL.sub(r"\1", re.sub(r"\s*\n\s*", " ", tag))

    text = _TAG.sub(tidy, text)
    text = re.sub(r">\s+<", "><", text).strip()
    width, height = _size(text)
    box = f'viewBox="0 0 {width} {height}" style="--w: {width}px"'
    head = f'<svg class="fig" {box} role="img" aria-label="{label}">'
    return re.sub(r"<svg [^>]*>", lambda _: head, text, count=1)


def _size(text: str) -> tuple[str, str]:
    found = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', text)
    if found is None:
        raise ValueError("a drawing without a size")
    return found[1], found[2]
