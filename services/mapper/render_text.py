"""Text from outside made safe for a ticket: plain, printable, bounded (promise 13)."""

import re
import unicodedata
from html.parser import HTMLParser

_INPUT_LIMIT = 20_000
_BLOCKS = frozenset({"p", "div", "br", "ul", "ol", "tr", "table", "h1", "h2", "h3", "h4", "h5", "h6", "pre"})
_DROPPED = frozenset({"script", "style"})
# ServiceNow's journals render [code] as HTML; [isthmus] begins our own footer.
_MARKS = re.compile(r"\[\s*(/?)\s*(code|isthmus)\s*\]", re.IGNORECASE)
_SPACES = re.compile(r"[ \t]+")
_LINES = re.compile(r"[ \t]*\n[ \t]*")
_GAPS = re.compile(r"\n{3,}")
ELLIPSIS = "…"


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - the base's
        if tag in _DROPPED:
            self._silent += 1
        elif tag == "li":
            self.parts.append("\n- ")
        elif tag in _BLOCKS:
            self.parts.append("\n")
        elif tag in ("td", "th"):
            self.parts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in _DROPPED:
            self._silent = max(0, self._silent - 1)
        elif tag in _BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(data)


def plain(value: str) -> str:
    """HTML to text; no control or direction characters, no marks that ServiceNow or Isthmus would read."""
    text = value[:_INPUT_LIMIT]
    if "<" in text or "&" in text:
        parser = _Text()
        parser.feed(text)
        parser.close()
        text = "".join(parser.parts)
    return tidy(text)


def tidy(value: str) -> str:
    """Only printable text: lines kept, at most one empty line between two."""
    text = value.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    if not text.replace("\n", " ").replace("\t", " ").isprintable():
        text = "".join(c for c in text if c in "\n\t" or not _unprintable(c))
    text = _MARKS.sub(r"(\1\2)", text)
    return _GAPS.sub("\n\n", _LINES.sub("\n", _SPACES.sub(" ", text))).strip()


def one_line(value: str, limit: int) -> str:
    """Plain text in one line, at most `limit` characters."""
    return cut(" ".join(plain(value).split()), limit)


def cut(text: str, limit: int) -> str:
    """The first `limit` characters, with an ellipsis in place of the rest."""
    if len(text) <= limit:
        return text
    return text[: max(limit - 1, 0)].rstrip() + ELLIPSIS if limit > 0 else ""


def _unprintable(character: str) -> bool:
    """Controls, surrogates, private use, and format characters such as direction overrides (joiners stay)."""
    return unicodedata.category(character) in ("Cc", "Cs", "Co", "Cf") and character not in "\u200d\u200c"
