"""Where values come from, which one wins, and the modes of operation."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from invoke_host.api import ConfigError
from invoke_host.config import HostConfig, LoadedConfig, load

Load = Callable[..., LoadedConfig]
Problems = Callable[..., list[str]]


def test_an_empty_folder_gives_the_defaults(loaded: Load) -> None:
    found = loaded()
    assert found.config == HostConfig()
    assert found.origin("server.port") == "default"


def test_the_environment_wins_over_the_file_and_a_flag_over_both(loaded: Load) -> None:
    text = '[server]\nport = 1\nhost = "127.0.0.2"\n[queue]\nmax_size = 5\n'
    environment = {"INVOKE_HOST_SERVER__PORT": "2", "INVOKE_HOST_QUEUE__MAX_SIZE": "6"}
    found = loaded(text, environment, server__port="3")
    assert (found.config.server.port, found.origin("server.port")) == (3, "flag --port")
    assert (found.config.queue.max_size, found.origin("queue.max_size")) == (
        6,
        "environment INVOKE_HOST_QUEUE__MAX_SIZE",
    )
    assert (found.config.server.host, found.origin("server.host")) == ("127.0.0.2", "invoke-host.toml:3")


def test_a_flag_that_was_not_given_changes_nothing(loaded: Load) -> None:
    assert loaded("[server]\nport = 1\n", server__port=None).config.server.port == 1


def test_an_empty_variable_counts_as_not_set(loaded: Load) -> None:
    assert loaded(env={"INVOKE_HOST_SERVER__PORT": ""}).config.server.port == 9090


def test_reserved_and_foreign_variables_are_no_settings(loaded: Load) -> None:
    names = ["INVOKE_HOST_ROOT", "INVOKE_HOST_URL", "INVOKE_HOST_FAILPOINT", "INVOKE_HOSTING", "PATH"]
    assert loaded(env=dict.fromkeys(names, "x")).config == HostConfig()


@pytest.mark.parametrize(
    ("text", "devices"),
    [("auto", "auto"), ("cpu", ("cpu",)), ("cuda:0, cuda:1", ("cuda:0", "cuda:1")), ('["cpu"]', ("cpu",))],
)
def test_lists_in_variables_are_separated_by_commas_or_json(loaded: Load, text: str, devices: object) -> None:
    assert loaded(env={"INVOKE_HOST_GENERATION__DEVICES": text}).config.generation.devices == devices


@pytest.mark.parametrize(("text", "value"), [("true", True), ("No", False), ("1", True), ("off", False)])
def test_yes_and_no_in_variables_have_the_usual_words(loaded: Load, text: str, value: bool) -> None:
    assert loaded(env={"INVOKE_HOST_STORAGE__AUTO_MIGRATE": text}).config.storage.auto_migrate is value


def test_a_number_in_a_text_setting_stays_text(loaded: Load) -> None:
    assert loaded(env={"INVOKE_HOST_GENERATION__DEFAULT_MODEL": "15"}).config.generation.default_model == "15"


def test_where_points_to_the_table_in_which_a_missing_key_would_stand(loaded: Load) -> None:
    found = loaded("\n[server]\nport = 1\n")
    assert found.where("server.host") == "invoke-host.toml:2"
    assert found.where("queue.lease_s") == "invoke-host.toml"
    assert found.where("server.port") == "invoke-host.toml:3"


def test_paths_are_relative_to_the_root_folder(loaded: Load, tmp_path: Path) -> None:
    config = loaded('[storage]\npath = "db/host.db"\n')
    assert config.path(config.config.storage.path, "invoke-host.db") == tmp_path / "db/host.db"
    assert config.path(config.config.generation.models_dir, "models") == tmp_path / "models"
    assert config.path(Path("/srv/x"), "") == Path("/srv/x")


def test_no_auth_table_is_single_user_mode(loaded: Load) -> None:
    assert loaded().config.single_user
    assert loaded("multiuser = false\n").config.single_user


def test_multiuser_is_short_for_the_local_provider(loaded: Load) -> None:
    found = loaded("# many\nmultiuser = true\n")
    assert found.config.auth.providers == ("local",)
    assert found.where("auth.providers") == "invoke-host.toml:2"


def test_multiuser_in_a_variable_names_the_variable_as_the_origin_of_the_providers(loaded: Load) -> None:
    found = loaded(env={"INVOKE_HOST_MULTIUSER": "true"})
    assert found.config.auth.providers == ("local",)
    assert found.where("auth.providers") == "environment INVOKE_HOST_MULTIUSER"


def test_multiuser_with_an_auth_table_that_names_no_provider_still_means_local(loaded: Load) -> None:
    assert loaded('multiuser = true\n[auth]\non_unavailable = "next"\n').config.auth.providers == ("local",)


@pytest.mark.parametrize("names", ['["local"]', '["ldap"]', '["ldap", "local"]'])
def test_named_providers_are_multi_user_mode_in_their_order(loaded: Load, names: str) -> None:
    found = loaded(f"[auth]\nproviders = {names}\n")
    assert list(found.config.auth.providers) == json.loads(names)
    assert not found.config.single_user


MODE_ERRORS = {
    "no provider": (
        "[auth]\nproviders = []\n",
        (
            'invoke-host.toml:2: auth.providers: names no provider; use ["none"] for a single user without login, or '
            '["local"] for many'
        ),
    ),
    "none beside another": (
        '[auth]\nproviders = ["none", "local"]\n',
        (
            'invoke-host.toml:2: auth.providers: "none" lets everybody in as administrator, so it must stand alone; '
            "remove it or the others"
        ),
    ),
    "single-user with a login": (
        'multiuser = false\n[auth]\nproviders = ["local"]\n',
        (
            'invoke-host.toml:1: multiuser: is false, but invoke-host.toml:3 sets auth.providers = ["local"]; '
            "remove one of the two"
        ),
    ),
    "multi-user without a login": (
        'multiuser = true\n[auth]\nproviders = ["none"]\n',
        (
            'invoke-host.toml:1: multiuser: is true, but invoke-host.toml:3 sets auth.providers = ["none"], which is '
            "single-user mode; remove one of the two"
        ),
    ),
}


@pytest.mark.parametrize(("text", "told"), MODE_ERRORS.values(), ids=MODE_ERRORS)
def test_a_contradiction_about_the_mode_names_file_and_line(problems: Problems, text: str, told: str) -> None:
    assert problems(text) == [told]


def test_a_contradiction_between_file_and_variable_names_both(problems: Problems) -> None:
    (told,) = problems("multiuser = false\n", {"INVOKE_HOST_AUTH__PROVIDERS": "local"})
    assert told.startswith("invoke-host.toml:1: multiuser: is false, but environment INVOKE_HOST_AUTH__PROVIDERS sets")


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.org", ""])
def test_without_login_the_host_does_not_open_its_door_to_other_machines(problems: Problems, host: str) -> None:
    (told,) = problems(f'[server]\nhost = "{host}"\n')
    assert told.startswith("invoke-host.toml:2: server.host: ")


def test_an_open_door_by_flag_names_the_flag(problems: Problems) -> None:
    (told,) = problems(server__host="0.0.0.0")
    assert told.startswith('flag --host: server.host: other machines can reach "0.0.0.0", and without login')


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_the_own_machine_needs_no_login(loaded: Load, host: str) -> None:
    assert loaded(server__host=host).config.server.host == host


def test_the_door_opens_when_the_file_says_so_or_when_there_is_a_login(loaded: Load) -> None:
    assert loaded("[auth.none]\nallow_remote = true\n", server__host="0.0.0.0").config.single_user
    assert not loaded("multiuser = true\n", server__host="0.0.0.0").config.single_user


def test_a_file_that_can_not_be_read_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "invoke-host.toml").mkdir()
    with pytest.raises(ConfigError, match=r"invoke-host.toml: can't be read: Is a directory"):
        load(tmp_path, env={})


def test_a_configuration_never_changes() -> None:
    with pytest.raises(ValueError, match="frozen"):
        HostConfig().server.port = 1  # type: ignore[misc]
