"""Who may do what: the truth table, the engine that asks the policies, and the built-in policies. Knows no slice."""

from __future__ import annotations

from invoke_host.access.combine import Truth, Verdict, decide
from invoke_host.access.engine import AccessEngine
from invoke_host.access.explain import Explanation, allowed

__all__ = ["AccessEngine", "Explanation", "Truth", "Verdict", "allowed", "decide"]
