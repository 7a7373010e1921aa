"""Pixels are where, how and in which colours the scene says."""

from __future__ import annotations

import math

import pytest
import torch
from invoke_model_emoji.data.drawings import Drawings
from invoke_model_emoji.data.paint import Painter
from invoke_model_emoji.data.palette import COLOURS
from invoke_model_emoji.data.scenes import Pose, Scene, Thing

#: The toy drawings by what is used of them.
APPLE, CAR, KEY, CLOCK, SUNFLOWER = 0, 5, 8, 9, 11


@pytest.fixture(scope="module")
def painter(drawings: Drawings) -> Painter:
    return Painter(drawings)


def alone(concept: int, pose: Pose | None = None, colour: int | None = None, ground: int | None = None) -> Scene:
    return Scene((Thing(concept, pose or Pose(), colour),), "noto", ground)


def picture(painter: Painter, scene: Scene) -> torch.Tensor:
    """(3, 128, 128) in 0..1."""
    return (painter.paint([scene])[0] + 1) / 2


def drawn(pixels: torch.Tensor) -> torch.Tensor:
    """Where something other than white is: (128, 128)."""
    return (1 - pixels).abs().amax(0) > 0.1


def box(mask: torch.Tensor) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of what is true, in pixels."""
    rows, columns = mask.any(1).nonzero().flatten(), mask.any(0).nonzero().flatten()
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def test_pictures_are_float32_between_minus_one_and_one(painter: Painter) -> None:
    made = painter.paint([alone(number) for number in range(12)])
    assert (made.shape, made.dtype) == ((12, 3, 128, 128), torch.float32)
    assert made.min() >= -1
    assert made.max() == 1


def test_a_drawing_stands_in_the_middle_with_the_side_it_was_given(painter: Painter) -> None:
    assert box(drawn(picture(painter, alone(APPLE, Pose(side=0.5))))) == pytest.approx((32, 32, 96, 96), abs=2)


def test_a_shift_moves_it_by_parts_of_the_picture(painter: Painter) -> None:
    made = picture(painter, alone(APPLE, Pose(x=0.25, y=0.7, side=0.4)))
    assert box(drawn(made)) == pytest.approx((6.4, 64, 57.6, 115.2), abs=2)


def test_a_mirror_image_is_the_picture_turned_over(painter: Painter) -> None:
    plain, mirrored = (picture(painter, alone(KEY, Pose(mirrored=each))) for each in (False, True))
    assert torch.allclose(mirrored, plain.flip(2), atol=0.02)
    assert not torch.allclose(mirrored, plain, atol=0.3)


def test_a_mirror_image_stays_in_its_place(painter: Painter) -> None:
    plain, mirrored = (
        box(drawn(picture(painter, alone(APPLE, Pose(x=0.3, side=0.4, mirrored=each))))) for each in (False, True)
    )
    assert mirrored == pytest.approx(plain, abs=1)


def test_a_quarter_turn_goes_clockwise(painter: Painter) -> None:
    plain, turned = (picture(painter, alone(KEY, Pose(angle=each))) for each in (0, math.pi / 2))
    assert torch.allclose(turned, plain.rot90(-1, (1, 2)), atol=0.05)


def test_a_mirrored_one_is_mirrored_first_and_turned_then(painter: Painter) -> None:
    made = picture(painter, alone(KEY, Pose(angle=math.pi / 2, mirrored=True)))
    assert torch.allclose(made, picture(painter, alone(KEY)).flip(2).rot90(-1, (1, 2)), atol=0.05)


@pytest.mark.parametrize("ground", range(len(COLOURS)))
def test_the_ground_has_its_colour_to_the_edge(painter: Painter, ground: int) -> None:
    made = picture(painter, alone(APPLE, Pose(side=0.6), ground=ground))
    edge = torch.cat([made[:, 0], made[:, -1], made[:, :, 0], made[:, :, -1]], 1)
    assert torch.allclose(edge, torch.tensor(COLOURS[ground].rgb)[:, None].expand_as(edge), atol=1e-4)


def test_without_a_colour_the_ground_is_white(painter: Painter) -> None:
    assert torch.equal(picture(painter, alone(APPLE))[:, 0, 0], torch.ones(3))


@pytest.mark.parametrize("colour", range(len(COLOURS)))
def test_a_painted_thing_has_tones_of_its_colour_only(painter: Painter, colour: int) -> None:
    made = picture(painter, alone(APPLE, Pose(side=0.9), colour=colour, ground=4 if colour != 4 else 2))
    middle = made[:, 44:84, 44:84].flatten(1)
    shadow, highlight = torch.tensor(COLOURS[colour].shadow), torch.tensor(COLOURS[colour].highlight)
    assert (middle >= torch.minimum(shadow, highlight)[:, None] - 0.02).all()
    assert (middle <= torch.maximum(shadow, highlight)[:, None] + 0.02).all()


def test_what_is_black_stays_black_in_a_painted_thing(painter: Painter) -> None:
    made = picture(painter, alone(SUNFLOWER, Pose(side=0.9), colour=4))
    assert made[:, 64, 64].max() < 0.1
    red, _, blue = made[:, 64, 20]
    assert blue > red + 0.3


def test_edges_blend_into_the_ground_without_a_fringe(painter: Painter) -> None:
    """A fringe is a pixel darker than both the thing and the ground: what straight alpha does to a shape on white."""
    for ground in (None, 2, 6):
        made = picture(painter, alone(APPLE, Pose(side=0.8), ground=ground))
        ends = torch.stack([made[:, 64, 64], made[:, 0, 0]])
        low, high = ends.amin(0)[:, None, None], ends.amax(0)[:, None, None]
        assert (made >= low - 0.03).all()
        assert (made <= high + 0.03).all()


def test_the_second_thing_lies_over_the_first(painter: Painter) -> None:
    over = Scene((Thing(APPLE, Pose()), Thing(CAR, Pose(side=0.5), colour=4)), "noto")
    alone_car = picture(painter, alone(CAR, Pose(side=0.5), colour=4))
    assert torch.allclose(picture(painter, over)[:, 64, 64], alone_car[:, 64, 64], atol=0.01)


def test_a_batch_is_what_its_scenes_are_one_by_one(painter: Painter) -> None:
    scenes = [
        alone(APPLE),
        alone(CAR, Pose(side=0.5, angle=0.1), colour=3),
        alone(KEY, Pose(x=0.4, mirrored=True), ground=7),
        Scene((Thing(CAR, Pose(0.27, side=0.45)), Thing(CLOCK, Pose(0.73, side=0.45), colour=2)), "flat", 4),
        alone(SUNFLOWER, colour=5, ground=9),
    ]
    together = painter.paint(scenes)
    for scene, made in zip(scenes, together, strict=True):
        assert torch.allclose(painter.paint([scene])[0], made, atol=1e-5)


def test_other_sizes_show_the_same_picture(drawings: Drawings, painter: Painter) -> None:
    small = Painter(drawings, size=64).paint([alone(KEY)])
    large = torch.nn.functional.avg_pool2d(painter.paint([alone(KEY)]), 2)
    assert (small - large).abs().mean() < 0.03
