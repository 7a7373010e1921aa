"""From file, environment and flags to one configuration, or to every problem at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from invoke_host.api import ConfigError, ConfigProblem
from invoke_host.config.layers import FILE_NAME, Layer, environment_layer, file_layer, flag_layer, merge
from invoke_host.config.lines import Path
from invoke_host.config.loaded import LoadedConfig, Places
from invoke_host.config.order import joined
from invoke_host.config.problems import problems_of, undotted
from invoke_host.config.rules import broken_rules, open_secrets
from invoke_host.config.schema import HostConfig


def load(root: FilePath, *, env: Mapping[str, str], flags: Mapping[str, object] | None = None) -> LoadedConfig:
    """A configuration without problems, for whoever has no use for half of one; see `read`.

    Raises:
        ConfigError: something is wrong; holds every problem of all three sources, in order of file, environment, flags.
    """
    loaded = read(root, env=env, flags=flags)
    if loaded.problems:
        raise ConfigError(loaded.problems)
    return loaded


def read(root: FilePath, *, env: Mapping[str, str], flags: Mapping[str, object] | None = None) -> LoadedConfig:
    """The configuration of the host in `root`: its file, then `env`, then `flags`; later ones win.

    `flags` maps dotted keys (`server.port`) to values, None for a flag that was not given. A missing file is no error.
    What is wrong is left out and told in `problems`, so that `plugins.load` can go on to judge what plugins it names
    and their options (`LoadedConfig.plugin_options`), and then raise all of it at once.
    """
    root = root.expanduser().absolute()
    file = file_layer(root / FILE_NAME)
    layers = (flag_layer(flags or {}), environment_layer(env), file)
    # A bad value of the file is told even where a flag or variable hides it: it would surface on another day.
    problems = [
        *file.problems,
        *_judge([file], root)[1],
        *layers[1].problems,
        *layers[0].problems,
    ]
    config, more, left_out = _judge(layers, root)
    if file.problems:
        left_out = frozenset({()})  # nobody knows what an unreadable file would have said
    wrong = {problem.key for problem in (*problems, *more)}
    loaded = LoadedConfig(root, config, Places(layers), left_out=left_out)
    found = joined(problems, more, broken_rules(loaded, wrong))
    return replace(loaded, warnings=tuple(open_secrets(loaded)), problems=found)


def _judge(layers: Sequence[Layer], root: FilePath) -> tuple[HostConfig, list[ConfigProblem], frozenset[Path]]:
    """The configuration and its problems; a value that is wrong is left out, so that the rest can be judged too."""
    places = Places(tuple(layers))
    data = deepcopy(_with_shorthand(merge(layers)))  # a single layer's tables are the layer's own
    try:
        return HostConfig.model_validate(data, context={"root": root}), [], frozenset()
    except ValidationError as error:
        problems = problems_of(error, model=HostConfig, data=data, where=places.near)
        wrong = frozenset(undotted(problem.key) for problem in problems)
        for path in wrong:
            _drop(data, path)
        try:
            return HostConfig.model_validate(data, context={"root": root}), problems, wrong
        except ValidationError:
            return HostConfig(), problems, frozenset({()})


def _with_shorthand(data: dict[str, Any]) -> dict[str, Any]:
    """`multiuser = true` without providers means the local ones."""
    auth = data.get("auth", {})
    if data.get("multiuser") is True and isinstance(auth, dict) and "providers" not in auth:
        return {**data, "auth": {**auth, "providers": ["local"]}}
    return data


def _drop(data: dict[str, Any], path: Path) -> None:
    """Remove a wrong value, up to the first part of the path that is a list."""
    node: Any = data
    for part in path[:-1]:
        child = node.get(part) if isinstance(node, dict) else None
        if not isinstance(child, dict):
            node.pop(part, None)
            return
        node = child
    node.pop(path[-1], None)
