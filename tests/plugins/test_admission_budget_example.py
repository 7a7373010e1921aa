"""The example of a job admission: its own tests pass with it installed, and in a host it keeps images out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from invoke_host.api import ServiceUnavailable
from invoke_host.plugins import JobAdmissions, Offers

from .test_admission import REQUEST
from .test_policy_office_hours_example import run_pytest

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLE = DOCS / "examples" / "admission_budget"

#: Nothing listens there.
TOML = '[plugins]\nload = ["budget"]\n[plugins.budget]\nurl = "http://127.0.0.1:9"\n'


@pytest.fixture(autouse=True)
def installed(distributions):
    distributions.add_checkout(EXAMPLE)


def test_the_examples_own_tests_pass():
    done = run_pytest(EXAMPLE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\b[2-9][0-9] passed", done.stdout), done.stdout
    assert "skipped" not in done.stdout


async def test_in_a_host_without_its_service_nothing_is_let_in(load_plugins, host, log):
    asking = JobAdmissions(Offers(load_plugins(toml=TOML), host).job_admissions(), log.logger)
    with pytest.raises(ServiceUnavailable, match="plugin 'budget'"):
        await asking.admit(REQUEST)


def test_the_page_for_authors_shows_the_example_word_for_word():
    page = (DOCS / "howto" / "write-job-admission.md").read_text()
    for name in ("invoke_admission_budget.py", "tests/test_budget.py"):
        assert (EXAMPLE / name).read_text().strip() in page, f"docs/howto/write-job-admission.md is out of step: {name}"
