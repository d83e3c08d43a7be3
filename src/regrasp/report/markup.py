"""Pieces of HTML. Every function here escapes the text it is given; `Html` marks what is markup already."""

from collections.abc import Iterable, Sequence
from html import escape


class Html(str):
    """Text that is markup already; everything else that reaches the page is escaped."""

    __slots__ = ()


def text(content: str) -> Html:
    """The content as markup: escaped, unless it is markup already."""
    return content if isinstance(content, Html) else Html(escape(content))


def tag(name: str, *content: str, **attributes: str) -> Html:
    """An element; `class_` stands for `class`, `aria_label` for `aria-label`."""
    given = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"' for key, value in attributes.items())
    return Html(f"<{name}{given}>{''.join(map(text, content))}</{name}>")


def join(parts: Iterable[str]) -> Html:
    """Markup after markup."""
    return Html("\n".join(map(text, parts)))


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]], label: str = "") -> Html:
    """A table that scrolls inside its own box; the first column names the rows.

    Args:
        caption: what the table says.
        head: column names.
        rows: as many cells as columns each.
        label: name of the scrolling box for screen readers, if it is not the caption.
    """
    header = tag("thead", tag("tr", *(tag("th", cell, scope="col") for cell in head)))
    body = tag("tbody", *(tag("tr", tag("th", row[0], scope="row"), *(tag("td", c) for c in row[1:])) for row in rows))
    box = {"class_": "scroll", "tabindex": "0", "role": "region", "aria_label": label or caption}
    return tag("div", tag("table", tag("caption", caption), header, body), **box)


def figure(picture: str, caption: str) -> Html:
    """A drawing (markup of this package) with its caption."""
    return tag("figure", Html(picture), tag("figcaption", caption))


def section(identifier: str, title: str, *content: str) -> Html:
    """A section with its heading."""
    return tag(
        "section",
        tag("h2", title, id=f"{identifier}-title"),
        *content,
        id=identifier,
        aria_labelledby=f"{identifier}-title",
    )


def details(summary: str, *content: str) -> Html:
    """Folded away until asked for."""
    return tag("details", tag("summary", summary), *content)
