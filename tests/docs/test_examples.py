"""Every example in README and docs is run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.examples import Runner, matches, session, skips

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page.relative_to(ROOT) for pattern in ("*.md", "docs/**/*.md", "plugins/*/README.md") for page in ROOT.glob(pattern)
)

#: Pages whose examples need more than a host.
OWN = {"directory-openldap.md": "directory_examples"}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_example_on_the_page_works(page: Path, request: pytest.FixtureRequest) -> None:
    by_folder = "multiuser_examples" if page.parent.name == "multiuser" else "examples"
    runner: Runner = request.getfixturevalue(OWN.get(page.name, by_folder))
    runner.run(ROOT / page)


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_an_example_that_is_left_out_says_why(page: Path) -> None:
    without = [directive for directive, reason in skips((ROOT / page).read_text()) if reason is None]
    assert not without, 'write <!-- skip: next "the reason" -->'


def test_the_readme_has_examples_that_run(examples: Runner) -> None:
    assert examples.run(ROOT / "README.md") >= 3


def test_a_session_is_split_into_commands_with_their_output() -> None:
    assert list(session("$ a \\\n>   b\nout\n$ c\n")) == [("a \\\n  b", "out"), ("c", "")]


def test_an_ellipsis_stands_for_anything_and_nothing_else_does() -> None:
    assert matches("a … d\n…\nlast", "a b  c d\nx\ny\nlast\n")
    assert matches("…\nlast", "last")
    assert not matches("a … d", "a b c\n")
    assert not matches("one\ntwo", "one\ntwo\nthree")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("```console\n$ echo one\ntwo\n```\n", "but the page shows"),
        ("```console\n$ false\n```\n", "exited with 1"),
        ("```bash\nexit 3\n```\n", "exited with 3"),
        ("```python\nint('one')\n```\n", "invalid literal"),
        ("```toml\nserver = 3\n```\n", "server"),
        ("```typescript\nthrow new Error('one' as string);\n```\n", "exited with 1"),
        ("```shell\necho never run\n```\n", "use console"),
    ],
)
def test_an_example_that_is_wrong_fails(text: str, message: str, examples: Runner, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(Exception, match=message):
        examples.run(page)
