"""The README's pictures are the screens as they are now. `make screenshots` draws them anew."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from screenshots.make import FOLDER, PICTURES, Picture, draw, plain_svg

README = Path(__file__).parents[2] / "README.md"


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)
async def test_the_picture_is_fresh(picture: Picture) -> None:
    kept = (FOLDER / f"{picture.name}.svg").read_text(encoding="utf-8")
    # No diff of 60 kB: a picture is looked at.
    assert (await draw(picture) == kept) is True, "stale: run `make screenshots`"


def test_every_picture_is_shown_in_the_readme_and_made_here() -> None:
    made = {f"screenshots/{picture.name}.svg" for picture in PICTURES}
    kept = {f"screenshots/{path.name}" for path in FOLDER.glob("*.svg")}
    shown = set(re.findall(r"screenshots/[\w.-]+\.svg", README.read_text(encoding="utf-8")))
    assert made == kept
    assert made == shown


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)
def test_the_picture_asks_no_other_host(picture: Picture) -> None:
    svg = (FOLDER / f"{picture.name}.svg").read_text(encoding="utf-8")
    assert "@font-face" not in svg
    assert "url(http" not in svg
    assert "href" not in svg


def test_a_wide_character_gets_its_two_cells() -> None:
    svg = '<text x="0" textLength="36.6" clip-path="url(#a)">로컬&amp;</text>'
    assert 'textLength="61"' in plain_svg(svg)
