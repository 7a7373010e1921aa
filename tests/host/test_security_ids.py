"""Where each case of the security list that concerns accounts is shown; a test that is gone is found here."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]

#: Case to a module and the beginning of its tests' names. D-cases: what clients of the older system had to live with.
CASES = {
    "S-D1": "host/test_sweep.py::test_every_route_answers_everybody",
    "S-D3": "host/test_accounts_effects.py::test_s_d3_",
    "S-D4": "host/test_accounts_last_admin.py::test_s_d4_",
    "S-D5": "host/test_accounts_setup.py::test_s_d5_",
    "S-D8": "host/test_accounts_rights.py::test_s_d8_",
    "S-D9": "host/test_accounts_rights.py::test_s_d9_",
    "S-D10": "host/test_accounts_rights.py::test_s_d10_",
    "S-E4": "identity/test_login_timing.py::test_unknown_wrong_and_disabled_take_the_same_time",
    "S-E5": "identity/test_login.py::test_a_huge_name_is_a_failed_login_of_one_short_line",
    "S-E6": "identity/test_login.py::test_a_huge_password_is_refused_without_hashing_it",
    "S-E7": "identity/test_login.py::test_passwords_that_differ_behind_the_72nd_byte_are_different",
    "S-E9": "identity/test_login_throttled.py::test_an_identity_with_somebody_s_address_does_not_get_their_account",
    "S-E10": "identity/test_login_throttled.py::test_a_thousand_tries_from_one_address_and_from_two_hundred",
    "S-F1": "host/test_accounts_browser.py::test_s_f1_",
    "S-F2": "host/test_accounts_browser.py::test_s_f2_",
    "S-F3": "host/test_accounts_browser.py::test_s_f3_",
    "S-F4": "host/test_accounts_browser.py::test_s_f4_",
    "S-F5": "host/test_accounts_browser.py::test_s_f5_",
    "S-F6": "host/test_accounts_rights.py::test_s_f6_",
    "S-F7": "host/test_accounts_effects.py::test_s_f7_",
    "S-F8": "host/test_accounts_browser.py::test_s_f8_",
    "D5": "identity/test_signing.py::test_every_claim_is_required",
    "D6": "cli/test_accounts_opening.py::test_a_folder_without_a_host_is_refused_by_name_and_left_as_it_is",
    "D9": "identity/test_users_routes.py::test_the_list_is_paged_with_headers",
    "D19": "identity/test_login.py::test_a_disabled_user_s_last_login_is_not_moved",
    "D20": "identity/test_users.py::test_deactivation_ends_everything_and_reactivation_revives_nothing",
    "D25": "identity/test_users.py::test_one_address_is_one_account_however_it_is_typed",
    "D27": "identity/test_users_routes.py::test_a_user_is_made_read_changed_and_removed",
    "D29": "identity/test_users_leaving.py::test_legacy_content_is_handed_over_whole_or_in_part",
    "D30": "config/test_bad_files.py::test_a_version_of_the_schema_is_no_setting",
}


@pytest.mark.parametrize("case", CASES)
def test_the_case_has_its_test(case: str) -> None:
    module, _, start = CASES[case].partition("::")
    tree = ast.parse((TESTS / module).read_text())
    tests = [node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    assert any(name.startswith(start) for name in tests), f"{module} has no test that begins with {start}"
