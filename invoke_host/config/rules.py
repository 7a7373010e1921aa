"""What must hold between settings: the modes of operation, and no open door by accident."""

from __future__ import annotations

import stat
from collections.abc import Collection, Iterator

from invoke_host.api import ConfigProblem
from invoke_host.api.secrets import FILE_PREFIX
from invoke_host.config.loaded import LoadedConfig
from invoke_host.identity.none import is_loopback
from invoke_host.masking import has_secret_name


def broken_rules(loaded: LoadedConfig, wrong: Collection[str] = ()) -> Iterator[ConfigProblem]:
    """Every rule that the configuration breaks; those that rest on keys in `wrong` are left for the next try."""

    def sound(*keys: str) -> bool:
        return not any(each.startswith(keys) for each in wrong)

    if sound("auth", "multiuser"):
        yield from _mode(loaded)
    if sound("auth", "multiuser", "server.host"):
        yield from _open_door(loaded)
    if sound("access") and not loaded.config.access.policies:
        yield loaded.problem(
            "access.policies", "names no policy, so nobody may do anything; leave it out for the usual ones"
        )


def open_secrets(loaded: LoadedConfig) -> Iterator[str]:
    """A warning for each secret that stands in the file itself while other users of the machine may read the file."""
    try:
        if not loaded.file.stat().st_mode & stat.S_IROTH:
            return
    except OSError:
        return
    for plugin, options in loaded.config.plugins.options.items():
        for name, value in options.items():
            key = f"plugins.{plugin}.{name}"
            place = loaded.origin(key)
            plain = isinstance(value, str) and not value.startswith(FILE_PREFIX)
            if plain and has_secret_name(name) and place.startswith(loaded.file.name):
                yield f"{place}: {key}: other users of this machine can read this file; chmod 600 it, or use file:PATH"


def _mode(loaded: LoadedConfig) -> Iterator[ConfigProblem]:
    config = loaded.config
    providers = config.auth.providers
    if not providers:
        yield loaded.problem(
            "auth.providers", 'names no provider; use ["none"] for a single user without login, or ["local"] for many'
        )
    elif "none" in providers and len(providers) > 1:
        yield loaded.problem(
            "auth.providers",
            '"none" lets everybody in as administrator, so it must stand alone; remove it or the others',
        )
    if config.multiuser is False and providers and providers != ("none",):
        names = ", ".join(f'"{name}"' for name in providers)
        yield loaded.problem(
            "multiuser",
            f"is false, but {loaded.where('auth.providers')} sets auth.providers = [{names}]; remove one of the two",
        )
    if config.multiuser and providers == ("none",):
        yield loaded.problem(
            "multiuser",
            f'is true, but {loaded.where("auth.providers")} sets auth.providers = ["none"], which is single-user mode; '
            "remove one of the two",
        )


def _open_door(loaded: LoadedConfig) -> Iterator[ConfigProblem]:
    config = loaded.config
    if config.single_user and not config.auth.none.allow_remote and not is_loopback(config.server.host):
        yield loaded.problem(
            "server.host",
            f'other machines can reach "{config.server.host}", and without login whoever reaches it is administrator; '
            'use "127.0.0.1", choose a login with [auth] providers, or set [auth.none] allow_remote = true',
        )
