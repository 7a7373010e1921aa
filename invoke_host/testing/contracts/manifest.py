"""What every plugin must keep, whatever it does: one test per sentence of docs/explanation/plugin-lifecycle.md.

```python
from invoke_host.testing.contracts import ManifestContract

class TestManifest(ManifestContract):
    plugin = "acme"
```
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest
import structlog
from packaging.specifiers import SpecifierSet
from pydantic import ValidationError

from invoke_host.api import API_VERSION, PluginManifest
from invoke_host.plugins.compat import manifest_of
from invoke_host.plugins.discovery import Candidate, Installed
from invoke_host.plugins.loaded import LoadedPlugin
from invoke_host.plugins.registry import PluginRegistry

#: Hooks of which a plugin must implement one if its manifest says that it provides that.
PROVIDING = {
    "auth": "invoke_auth_providers",
    "policy": "invoke_policies",
    "storage": "invoke_storage_backends",
    "blobs": "invoke_blob_stores",
    "executor": "invoke_executors",
    "model": "invoke_models",
}

#: Imported in a process of its own, this reports what the import did. Audit events cannot be hidden from.
_PROBE = """
import json, os, sys, threading, time
import invoke_host.api, invoke_host.api.web, importlib.metadata
found = []
before = time.process_time()
def watch(event, args):
    if event in ("socket.connect", "socket.bind", "socket.getaddrinfo", "subprocess.Popen", "os.system", "os.fork",
                 "os.mkdir", "os.remove", "os.rename", "sqlite3.connect"):
        found.append(f"{event} {args[-1]!r:.60}")
    elif event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        found.append(f"opened {args[0]!r:.60} for writing")
sys.addaudithook(watch)
(entry,) = importlib.metadata.entry_points(group="invoke_host.plugins", name=sys.argv[1])
entry.load()
print(json.dumps({
    "cpu_s": time.process_time() - before,
    "threads": [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()],
    "did": found,
    "modules": sorted(sys.modules),
}))
"""

#: Libraries that take seconds and hundreds of megabytes; only worker processes may have them.
HEAVY = frozenset({"torch", "diffusers", "transformers", "tensorflow", "jax", "scipy", "pytest"})


class ManifestContract:
    """Subclass it in a plugin's tests and set `plugin` to the name of its entry point."""

    #: Name of the entry point, which is the plugin's name in the TOML.
    plugin: ClassVar[str]
    #: CPU seconds that importing the plugin may take beyond the API.
    import_budget_s: ClassVar[float] = 1.0

    @pytest.fixture
    def candidate(self) -> Candidate:
        """The installed plugin, not imported."""
        return self.find()

    def find(self) -> Candidate:
        """The installed plugin; fails the test when it is not installed, or twice."""
        installed = Installed()
        assert self.plugin in installed, f"{installed.missing(self.plugin)}; in a checkout: pip install -e ."
        return installed.get(self.plugin)

    def manifest(self) -> PluginManifest:
        """The plugin's manifest, judged as the host does."""
        candidate = self.find()
        return manifest_of(self.plugin, candidate.load(), candidate.version)

    def readme(self) -> str:
        """The plugin's README: in its checkout if it is installed editable, else as its package carries it."""
        installed = distribution(self.find().distribution)
        source = json.loads(installed.read_text("direct_url.json") or "{}")
        if source.get("dir_info", {}).get("editable"):
            # What pip copied into the metadata is as old as the installation.
            checkout = Path(url2pathname(urlsplit(source["url"]).path))
            return "\n".join(page.read_text(encoding="utf-8") for page in sorted(checkout.glob("README*")))
        return installed.read_text("METADATA") or ""

    def test_it_loads_by_its_entry_point_and_fits_this_host(self) -> None:
        """One distribution installs it; its manifest has its name and an API range that contains this host's."""
        self.manifest()

    def test_its_api_range_ends_before_the_next_major_version(self) -> None:
        """The next major version may remove what the plugin uses."""
        following = f"{API_VERSION[0] + 1}.0"
        assert not SpecifierSet(self.manifest().api).contains(following), f"manifest.api must exclude {following}"

    def test_its_options_refuse_unknown_keys(self) -> None:
        """A typo in the TOML must not be silently ignored."""
        config = self.manifest().config
        complaints: set[str] = set()
        try:
            config.model_validate({"no_such_option_at_all": 1})
        except ValidationError as error:
            complaints = {each["type"] for each in error.errors()}
        assert "extra_forbidden" in complaints, "it takes a misspelt option; keep `extra='forbid'` of PluginConfig"

    def test_its_options_cannot_change_after_the_start(self) -> None:
        """What the operator reads in the file is what runs."""
        assert self.manifest().config.model_config.get("frozen"), "keep `frozen=True` of PluginConfig"

    def test_its_readme_lists_every_option(self) -> None:
        """Each option stands in the README, in code style."""
        readme = self.readme()
        missing = [
            name
            for name in self.manifest().config.model_fields
            if not re.search(rf"`{name}\b|^{name} *=", readme, re.MULTILINE)
        ]
        assert not missing, f"options that the README does not mention: {', '.join(missing)}"

    def test_its_hooks_match_their_specifications(self) -> None:
        """No unknown hook or argument, no wrapper, coroutines where the host awaits and nowhere else."""
        self.registry()

    def test_it_implements_what_its_manifest_provides(self) -> None:
        """`provides` and hooks agree, in both directions."""
        hooks = set(self.registry().hooks_of(self.plugin))
        provides = self.manifest().provides
        for role, hook in PROVIDING.items():
            assert (role in provides) == (hook in hooks), f"provides {sorted(provides)}, but {role!r} needs {hook}"
        assert provides, "say what it provides; `extension` if nothing else"

    def test_importing_it_has_no_side_effects(self) -> None:
        """No socket, no process, no thread, no file written: the host imports plugins before it checks anything."""
        probe = self.probe()
        assert not probe["did"], f"importing it did: {probe['did']}"
        assert not probe["threads"], f"importing it started threads: {probe['threads']}"

    def test_importing_it_is_cheap(self) -> None:
        """No heavy library, and little time: every command line call pays for it."""
        probe = self.probe()
        heavy = HEAVY & set(probe["modules"])
        assert not heavy, f"importing it imports {sorted(heavy)}; import them in the function that needs them"
        assert probe["cpu_s"] < self.import_budget_s, f"importing it took {probe['cpu_s']:.2f} s of CPU time"

    def test_it_imports_nothing_of_the_host_but_the_api(self) -> None:
        """Everything outside `invoke_host.api` may change at any time."""
        modules = [name for name in self.probe()["modules"] if name.startswith("invoke_host.")]
        inside = [name for name in modules if not re.match(r"invoke_host\.api(\.|$)", name)]
        assert not inside, f"it imports the inside of the host: {inside}"

    def registry(self) -> PluginRegistry:
        """The plugin alone in a registry; raises PluginError for a hook that does not fit."""
        candidate = self.find()
        plugin = candidate.load()
        manifest = manifest_of(self.plugin, plugin, candidate.version)
        loaded = LoadedPlugin(self.plugin, candidate.version, candidate.distribution, manifest, plugin)
        return PluginRegistry([loaded], structlog.get_logger())

    def probe(self) -> dict[str, Any]:
        """What importing the plugin does, seen in a fresh process with this one's import path."""
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        done = subprocess.run(
            [sys.executable, "-B", "-c", _PROBE, self.plugin],
            capture_output=True,
            text=True,
            env=environment,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"importing it failed:\n{done.stderr[-2000:]}"
        probe: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return probe
