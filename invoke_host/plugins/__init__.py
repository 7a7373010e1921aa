"""Plugins: found by name, judged by manifest, registered per app with pluggy, called by our own dispatcher.

Startup is `load(...)`, then `Offers(registry, host)` for what the configuration chose, then `registry.startup(host)`.
"""

from __future__ import annotations

from invoke_host.plugins.admission import JobAdmissions
from invoke_host.plugins.builtin import Makers, builtin
from invoke_host.plugins.discovery import Installed
from invoke_host.plugins.facade import HostServices
from invoke_host.plugins.health import guarded
from invoke_host.plugins.load import Judgement, judge, load
from invoke_host.plugins.loaded import Failure, LoadedPlugin, Outcome
from invoke_host.plugins.offers import Offers
from invoke_host.plugins.registry import PluginRegistry
from invoke_host.plugins.report import PluginReport, report
from invoke_host.plugins.selection import BUILT_IN, Selection, Want, select
from invoke_host.plugins.supervise import Supervisor

__all__ = [
    "BUILT_IN",
    "Failure",
    "HostServices",
    "Installed",
    "JobAdmissions",
    "Judgement",
    "LoadedPlugin",
    "Makers",
    "Offers",
    "Outcome",
    "PluginRegistry",
    "PluginReport",
    "Selection",
    "Supervisor",
    "Want",
    "builtin",
    "guarded",
    "judge",
    "load",
    "report",
    "select",
]
