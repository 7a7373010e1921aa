"""The OpenLDAP server that the tests of the plugin `auth_ldap` start, for tests of whole hosts, docs and benchmarks."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

_PATH = Path(__file__).parent.parent / "plugins" / "auth_ldap" / "tests" / "slapd.py"
_spec = importlib.util.spec_from_file_location("invoke_auth_ldap_slapd", _PATH)
assert _spec is not None
assert _spec.loader is not None
_module = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = _module
_spec.loader.exec_module(_module)

Slapd = _module.Slapd
free_port = _module.free_port
BASE: str = _module.BASE
READER_DN: str = _module.READER_DN
READER_PASSWORD: str = _module.READER_PASSWORD

__all__ = ["BASE", "READER_DN", "READER_PASSWORD", "Slapd", "free_port"]
