"""Rows of captioned pictures, one row or more for each subject."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regrasp.report.images import COLOURS, Sheet, sheet

COLUMNS = 6
# All in inches.
_EDGE, _TILE, _GAP, _HEAD, _CAPTION, _BETWEEN = 0.2, 1.75, 0.12, 0.52, 0.46, 0.22


@dataclass(frozen=True)
class Tile:
    """One picture (H, W, 3) RGB, with a line of text under it and a second one in a colour of the page."""

    pixels: NDArray[np.uint8]
    caption: str
    note: str
    colour: str

    @property
    def height(self) -> float:
        """Of the picture [in]."""
        rows, columns = self.pixels.shape[:2]
        return float(_TILE * rows / columns)


@dataclass(frozen=True)
class Shelf:
    """All pictures of one subject."""

    title: str
    description: str
    tiles: Sequence[Tile]

    @property
    def height(self) -> float:
        """Of everything [in]; a single picture has all its text beside it."""
        if len(self.tiles) == 1:
            return self.tiles[0].height
        rows = -(-len(self.tiles) // COLUMNS)
        return _HEAD + rows * (self.tiles[0].height + _CAPTION)


def draw_gallery(shelves: Sequence[Shelf]) -> bytes:
    """The shelves one under the other, as PNG."""
    columns = COLUMNS if len(shelves) > 1 else min(COLUMNS, max(4, len(shelves[0].tiles)))
    width = 2 * _EDGE + columns * (_TILE + _GAP) - _GAP
    height = 2 * _EDGE + sum(shelf.height + _BETWEEN for shelf in shelves) - _BETWEEN
    with sheet(width, height) as page:
        y = _EDGE
        for shelf in shelves:
            _draw(page, shelf, y)
            y += shelf.height + _BETWEEN
        return page.to_png()


def _draw(page: Sheet, shelf: Shelf, y: float) -> None:
    alone = len(shelf.tiles) == 1
    head = _EDGE + (_TILE + _GAP if alone else 0)
    page.text(head, y, shelf.title, weight="bold", fontsize=12)
    page.text(head, y + 0.23, shelf.description, color=COLOURS["muted"])
    for place, tile in enumerate(shelf.tiles):
        row, column = divmod(place, COLUMNS)
        x = _EDGE + column * (_TILE + _GAP)
        top = y if alone else y + _HEAD + row * (tile.height + _CAPTION)
        page.picture(x, top, _TILE, tile.height, tile.pixels)
        text, below = (head, y + _HEAD) if alone else (x, top + tile.height + 0.05)
        page.text(text, below, tile.caption)
        page.text(text, below + 0.16, tile.note, color=COLOURS[tile.colour], fontsize=8.5)
