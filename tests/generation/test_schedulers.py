"""The table of samplers is the reference's list, and the page about it says what the table says."""

from __future__ import annotations

from pathlib import Path

from invoke_host.generation.schedulers import AVAILABLE, SCHEDULERS

REFERENCE = [  # InvokeAI 6.14, the values of its scheduler enumeration
    "ddim",
    "ddpm",
    "deis",
    "deis_k",
    "lms",
    "lms_k",
    "pndm",
    "heun",
    "heun_k",
    "euler",
    "euler_k",
    "euler_a",
    "kdpm_2",
    "kdpm_2_k",
    "kdpm_2_a",
    "kdpm_2_a_k",
    "dpmpp_2s",
    "dpmpp_2s_k",
    "dpmpp_2m",
    "dpmpp_2m_k",
    "dpmpp_2m_sde",
    "dpmpp_2m_sde_k",
    "dpmpp_3m",
    "dpmpp_3m_k",
    "dpmpp_sde",
    "dpmpp_sde_k",
    "er_sde",
    "unipc",
    "unipc_k",
    "lcm",
    "tcd",
]

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "schedulers.md"


def test_the_names_are_those_of_the_reference_in_its_order():
    assert list(SCHEDULERS) == REFERENCE


def test_every_name_but_er_sde_can_be_used():
    assert set(REFERENCE) - {"er_sde"} == AVAILABLE


def test_karras_twins_differ_from_the_plain_sampler_in_the_spacing_only():
    for name in (n for n in REFERENCE if n.endswith("_k")):
        plain, karras = SCHEDULERS[name.removesuffix("_k")], SCHEDULERS[name]
        assert karras.diffusers_class == plain.diffusers_class
        assert dict(karras.overrides) == {**plain.overrides, "use_karras_sigmas": True}


def test_the_reference_page_has_one_true_row_for_every_sampler():
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    assert rows == [table_row(name) for name in REFERENCE]


def table_row(name: str) -> str:
    """The row of docs/reference/schedulers.md; run this file as a program to print them all."""
    spec = SCHEDULERS[name]
    overrides = ", ".join(f"{key}={value}" for key, value in spec.overrides.items())
    what = f"{spec.diffusers_class} | {overrides or '-'} | {spec.evaluations}"
    return f"| `{name}` | {spec.title} | {what if not spec.unavailable else f'refused: {spec.unavailable} | - | -'} |"


if __name__ == "__main__":
    print("\n".join(table_row(name) for name in REFERENCE))
