"""Options of plugins: judged by the plugin's own model, told like the host's own settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pydantic import Field

from invoke_host.api import PluginConfig, Secret
from invoke_host.config import LoadedConfig

Load = Callable[..., LoadedConfig]


class Pool(PluginConfig):
    size: int = 5


class DirectoryOptions(PluginConfig):
    """Options as a plugin author writes them."""

    uri: str = Field(description="where the directory answers")
    bind_password: Secret = Secret("")
    groups: tuple[str, ...] = ()
    limit: int | str = 3
    pool: Pool = Pool()


def judged(loaded: LoadedConfig) -> tuple[DirectoryOptions | None, list[str], list[str]]:
    options, problems, warnings = loaded.plugin_options("ldap", DirectoryOptions)
    return options, [str(each) for each in problems], warnings


def test_good_options_become_the_plugins_own_object(loaded: Load) -> None:
    options, problems, warnings = judged(
        loaded('[plugins.ldap]\nuri = "ldap://d"\ngroups = ["a"]\npool = {size = 2}\n')
    )
    assert options == DirectoryOptions(uri="ldap://d", groups=("a",), pool=Pool(size=2))
    assert (problems, warnings) == ([], [])


def test_options_from_variables_become_what_the_plugin_wants(loaded: Load) -> None:
    environment = {
        "INVOKE_HOST_PLUGINS__LDAP__URI": "ldap://d",
        "INVOKE_HOST_PLUGINS__LDAP__GROUPS": "a,b",
        "INVOKE_HOST_PLUGINS__LDAP__POOL__SIZE": "7",
    }
    options, problems, _ = judged(loaded(env=environment))
    assert problems == []
    assert options is not None
    assert (options.groups, options.pool.size) == (("a", "b"), 7)


def test_all_wrong_options_are_told_with_their_lines_and_close_matches(loaded: Load) -> None:
    text = '[plugins.ldap]\ngrups = []\n[plugins.ldap.pool]\nsize = "big"\n'
    assert judged(loaded(text))[1] == [
        "invoke-host.toml:1: plugins.ldap.uri: is required (where the directory answers)",
        "invoke-host.toml:2: plugins.ldap.grups: unknown key; did you mean `groups`?",
        'invoke-host.toml:4: plugins.ldap.pool.size: expected an integer, got "big"',
    ]


def test_a_wrong_option_in_a_variable_names_the_variable(loaded: Load) -> None:
    environment = {"INVOKE_HOST_PLUGINS__LDAP__URI": "x", "INVOKE_HOST_PLUGINS__LDAP__POOL__SIZE": "big"}
    assert judged(loaded(env=environment))[1] == [
        'environment INVOKE_HOST_PLUGINS__LDAP__POOL__SIZE: plugins.ldap.pool.size: expected an integer, got "big"'
    ]


def test_the_branches_of_a_union_are_one_problem(loaded: Load) -> None:
    text = '[plugins.ldap]\nuri = "x"\nlimit = []\n'
    assert judged(loaded(text))[1] == [
        "invoke-host.toml:3: plugins.ldap.limit: expected an integer or text, got a list"
    ]


def test_a_wrong_secret_is_not_shown(loaded: Load) -> None:
    text = '[plugins.ldap]\nuri = "x"\nbind_password = 123456\n'
    assert judged(loaded(text))[1] == ["invoke-host.toml:3: plugins.ldap.bind_password: expected text, or file:PATH"]


def test_a_secret_can_be_read_from_a_file_below_the_root(loaded: Load, tmp_path: Path) -> None:
    secret = tmp_path / "secrets" / "ldap"
    secret.parent.mkdir()
    secret.write_text("hunter2\n\n")
    secret.chmod(0o600)
    options, _, warnings = judged(loaded('[plugins.ldap]\nuri = "x"\nbind_password = "file:secrets/ldap"\n'))
    assert options is not None
    assert options.bind_password.reveal() == "hunter2\n"
    assert warnings == []


def test_a_secret_file_that_others_may_read_is_a_warning(loaded: Load, tmp_path: Path) -> None:
    secret = tmp_path / "ldap"
    secret.write_text("hunter2")
    secret.chmod(0o644)
    options, problems, warnings = judged(loaded('[plugins.ldap]\nuri = "x"\nbind_password = "file:ldap"\n'))
    assert options is not None
    assert problems == []
    assert warnings == [
        (
            "invoke-host.toml:1: plugins.ldap: other users of this machine can read or write the secret file "
            f"{secret}; run: chmod 600 {secret}"
        )
    ]


def test_a_secret_file_that_is_missing_empty_or_no_text_is_a_problem(loaded: Load, tmp_path: Path) -> None:
    text = '[plugins.ldap]\nuri = "x"\nbind_password = "file:ldap"\n'
    place = "invoke-host.toml:3: plugins.ldap.bind_password: the secret file"
    file = tmp_path / "ldap"
    assert judged(loaded(text))[1] == [f"{place} {file} can't be read: No such file or directory"]
    file.write_text("\n")
    assert judged(loaded(text))[1] == [f"{place} {file} is empty"]
    file.write_bytes(b"\xff\xfe")
    assert judged(loaded(text))[1] == [f"{place} {file} is not UTF-8 text"]
    file.write_bytes(b"x" * 70_000)
    assert judged(loaded(text))[1] == [f"{place} {file} is larger than 65536 bytes"]
    file.unlink()
    file.mkdir()
    assert judged(loaded(text))[1] == [f"{place} {file} is not a file"]


def test_a_secret_shows_itself_nowhere() -> None:
    options = DirectoryOptions(uri="x", bind_password=Secret("hunter2"))
    shown = [
        repr(options),
        str(options),
        options.model_dump_json(),
        str(options.model_dump()),
        f"{options.bind_password}",
    ]
    assert not any("hunter2" in text for text in shown)


def test_a_secret_in_a_file_that_others_may_read_is_a_warning(loaded: Load, tmp_path: Path) -> None:
    text = '[plugins.ldap]\nuri = "x"\nbind_password = "hunter2"\n'
    file = tmp_path / "invoke-host.toml"
    file.touch(0o644)
    assert loaded(text).warnings == (
        (
            "invoke-host.toml:3: plugins.ldap.bind_password: other users of this machine can read this file; "
            "chmod 600 it, or use file:PATH"
        ),
    )
    file.chmod(0o640)
    assert loaded(text).warnings == ()


def test_a_secret_in_a_variable_or_a_file_of_its_own_is_no_warning(loaded: Load, tmp_path: Path) -> None:
    (tmp_path / "invoke-host.toml").touch(0o644)
    assert loaded('[plugins.ldap]\nbind_password = "file:x"\n').warnings == ()
    assert loaded(env={"INVOKE_HOST_PLUGINS__LDAP__BIND_PASSWORD": "hunter2"}).warnings == ()
