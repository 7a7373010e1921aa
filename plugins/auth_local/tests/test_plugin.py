"""The plugin as a whole: contracts, options, what it hands to the host."""

from __future__ import annotations

from pathlib import Path

import pytest
from invoke_auth_local import LocalOptions, LocalProvider, plugin
from invoke_auth_local.options import _cores
from pydantic import ValidationError

from invoke_host.testing.contracts import ManifestContract, MigrationContract
from invoke_host.testing.fakes import FakeHost


class TestManifest(ManifestContract):
    plugin = "local"
    import_budget_s = 0.1

    def test_the_lists_of_common_passwords_are_not_loaded_before_somebody_chooses_one(self) -> None:
        assert "zxcvbn" not in self.probe()["modules"]


class TestMigrations(MigrationContract):
    package = "invoke_auth_local"

    @pytest.fixture
    def lineage(self):
        return plugin.manifest.lineage


def test_the_plugin_offers_one_provider_with_the_options_of_the_file(tmp_path: Path) -> None:
    options = LocalOptions(strict_password_checking=True)
    (provider,) = plugin.invoke_auth_providers(FakeHost(tmp_path, {"local": options}))
    assert isinstance(provider, LocalProvider)
    assert provider.name == "local"
    assert provider.accounts.strict


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("minimum_length", 7),
        ("minimum_length", 65),
        ("bcrypt_cost", 3),
        ("bcrypt_cost", 16),
        ("hash_threads", -1),
        ("hash_queue", 0),
    ],
)
def test_options_that_are_unsafe_or_never_end_are_refused(option: str, value: int) -> None:
    with pytest.raises(ValidationError, match=option):
        LocalOptions.model_validate({option: value})


def test_one_core_is_left_for_everything_else_unless_the_operator_says_otherwise() -> None:
    assert LocalOptions().threads == max(1, _cores() - 1)
    assert LocalOptions(hash_threads=7).threads == 7
