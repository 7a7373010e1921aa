"""Drawings fill their square, keep their colours, and know what of them takes another one."""

from __future__ import annotations

import numpy as np
import pytest
from invoke_model_emoji.data import drawings as rendering
from invoke_model_emoji.data.drawings import SIDE, Drawings, premultiplied, render, split


def svg(body: str, box: str = "0 0 128 128") -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}">{body}</svg>'


@pytest.mark.parametrize(
    "body", ['<rect x="60" y="10" width="20" height="60"/>', '<rect x="100" y="90" width="28" height="7"/>']
)
def test_what_is_drawn_is_cropped_centered_and_fills_the_square_by_its_longer_side(body: str) -> None:
    alpha = render(svg(body))[..., 3] > 0.5
    rows, columns = np.flatnonzero(alpha.any(1)), np.flatnonzero(alpha.any(0))
    assert max(np.ptp(rows), np.ptp(columns)) + 1 >= SIDE - 2
    assert rows[0] == pytest.approx(SIDE - 1 - rows[-1], abs=2.5)
    assert columns[0] == pytest.approx(SIDE - 1 - columns[-1], abs=2.5)


def test_transparent_black_does_not_darken_the_edges() -> None:
    made = render(svg('<circle cx="64" cy="64" r="60" fill="#fff"/>'))
    seen = made[made[..., 3] > 0.02]
    assert seen[:, :3].min() > 0.95


def test_layers_are_premultiplied() -> None:
    made = premultiplied(render(svg('<rect x="4" y="4" width="120" height="120" fill="#f00" opacity=".5"/>')))
    assert made[:, 64, 64] == pytest.approx([0.5, 0, 0, 0.5], abs=0.01)


def test_a_gray_drawing_takes_a_colour_as_a_whole_but_for_its_outlines() -> None:
    kept, place = _parts('<circle cx="64" cy="64" r="62" fill="#999"/><circle cx="64" cy="64" r="20"/>')
    assert place[64, 10] == pytest.approx(1, abs=0.02)
    assert place[64, 64] == pytest.approx(0, abs=0.02)
    assert kept[:, 64, 10].max() < 0.02


def test_a_coloured_drawing_keeps_its_whites() -> None:
    kept, place = _parts('<circle cx="64" cy="64" r="62" fill="#d22"/><circle cx="64" cy="64" r="20" fill="#fff"/>')
    assert place[64, 10] == pytest.approx(1, abs=0.02)
    assert place[64, 64] == pytest.approx(0, abs=0.02)
    assert kept[:, 64, 64] == pytest.approx([1, 1, 1], abs=0.02)


def test_light_parts_of_what_is_painted_stay_lighter_than_dark_ones() -> None:
    body = '<path d="M0 0H64V128H0Z" fill="#600"/><path d="M64 0H128V128H64Z" fill="#f66"/>'
    made = split(render(svg(body)))
    tone = made[4]
    assert tone[64, 10] < 0.2
    assert tone[64, 118] > 0.8


def _parts(body: str) -> tuple[np.ndarray, np.ndarray]:
    made = split(render(svg(body)))
    return made[:3], made[3]


def test_a_part_s_layers_are_no_larger_than_its_alpha(drawings: Drawings) -> None:
    for layers in drawings.parts.values():
        place, tone, alpha = layers[:, 3].int(), layers[:, 4].int(), layers[:, 5].int()
        assert (tone <= place + 1).all()
        assert (place <= alpha + 1).all()


def test_icons_are_found_by_their_code_also_behind_an_alias(drawings: Drawings) -> None:
    names = [each.name for each in drawings.concepts]
    car = drawings.plain["noto"][names.index("automobile"), :, 64, 64] / 255
    assert car.tolist() == pytest.approx([0xD0 / 255, 0x30 / 255, 0x30 / 255, 1], abs=0.02)


def test_another_selection_of_concepts_is_another_file(drawings: Drawings) -> None:
    few = rendering._digest(drawings.concepts[:-1])
    other = rendering._digest([*drawings.concepts[:-2], drawings.concepts[-1]])
    assert len({rendering._digest(drawings.concepts), few, other}) == 3
