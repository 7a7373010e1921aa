"""Contract suites: subclass one in a plugin's tests, set what it asks for, and pytest runs what the plugin must keep.

Each test is one sentence of the reference. The suites are themselves tested with broken plugins that they must fail.
"""

from __future__ import annotations

import importlib

#: Suite to the module that holds it; imported when asked for, so that a plugin pays for what it uses.
_SUITES = {
    "AuthProviderContract": "auth_provider",
    "JobAdmissionContract": "job_admission",
    "ManifestContract": "manifest",
    "MigrationContract": "migrations",
    "PolicyContract": "policy",
    "StorageContract": "storage",
}


def __getattr__(name: str) -> object:
    if name not in _SUITES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_SUITES[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *_SUITES]
