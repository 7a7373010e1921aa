"""Where each case of the security list of accounts and content is shown; a test that is gone is found here."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]

#: Case to a module and the beginning of its tests' names. D-cases: what clients of the older system had to live with.
CASES = {
    "S-A1": "host/test_attacks.py::test_s_a1_",
    "S-A2": "images/test_downloads.py::test_a_name_that_is_none_is_404_and_never_a_path",
    "S-A3": "host/test_attacks.py::test_s_a3_",
    "S-A8": "host/test_attacks.py::test_a_link_in_the_place_of_a_picture_leads_nowhere",
    "S-A9": "host/test_attacks.py::test_s_a9_",
    "S-A12": "pictures/test_decoding.py::test_names_and_declared_types_mean_nothing",
    "S-B2": "pictures/test_hostile.py::test_anything_but_the_three_kinds_is_415_whatever_its_name",
    "S-D1": "host/test_sweep.py::test_every_route_answers_everybody",
    "S-D2": "host/test_canary.py::test_no_route_tells_the_word_or_that_there_is_anything",
    "S-D3": "host/test_accounts_effects.py::test_s_d3_",
    "S-D4": "host/test_accounts_last_admin.py::test_s_d4_",
    "S-D5": "host/test_accounts_setup.py::test_s_d5_",
    "S-D6": "host/test_sweep.py::test_s_d6_",
    "S-D8": "host/test_accounts_rights.py::test_s_d8_",
    "S-D9": "host/test_accounts_rights.py::test_s_d9_",
    "S-D10": "host/test_accounts_rights.py::test_s_d10_",
    "S-E3": "host/test_directory_login.py::test_s_e3_",
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
    "S-G1": "pictures/test_decoding.py::test_bytes_behind_the_picture_do_not_survive",
    "S-G4": "web/test_multipart.py::test_the_name_a_client_gives_a_file_means_nothing",
    "S-H1": "boards/test_boards.py::test_what_is_no_name_is_refused_with_the_field",
    "S-H2": "web/test_multipart.py::test_a_malformed_form_is_422_in_bounded_time",
    "S-H3": "web/test_multipart.py::test_a_compressed_form_is_415_before_it_is_unpacked",
    "S-H4": "pictures/test_hostile.py::test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded",
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
