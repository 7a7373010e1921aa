"""What every access policy must keep. Lists, checks, buttons and explanations rely on each of these sentences.

```python
import pytest
from invoke_host.testing.contracts import PolicyContract
from invoke_host.testing.contracts.policy import Verdict

class TestReadOnly(PolicyContract):
    @pytest.fixture
    def make_policy(self):
        return lambda: ReadOnly(day="2026-11-23")

    def expected(self, actor, action, row, facts):
        return None if action.see else Verdict(restrict="no")
```

The policy is asked about every kind of thing of the host, in light copies with the published columns only, for one of
each sort of caller. `expected` says in plain Python what it should say of one row; without it, that test is skipped. A
policy with tables of its own sets `tables` and overrides `prepare`; docs/howto/write-policy.md has a whole example.
"""

from __future__ import annotations

from invoke_host.access import Verdict
from invoke_host.testing.contracts._policy_answers import PolicyAnswers
from invoke_host.testing.contracts._policy_base import MakePolicy
from invoke_host.testing.contracts._policy_rows import PolicyRows
from invoke_host.testing.contracts._policy_world import PolicyRow

__all__ = ["MakePolicy", "PolicyContract", "PolicyRow", "Verdict"]


class PolicyContract(PolicyAnswers, PolicyRows):
    """The whole suite; a test class of a plugin inherits it and sets what its policy is about."""
