"""What every login provider must keep. The host's sessions and access rules rely on each of these sentences.

```python
import pytest
from invoke_host.testing.contracts import AuthProviderContract

class TestAcme(AuthProviderContract):
    good = ("alice", "a-password-that-no-log-contains")

    @pytest.fixture
    def make_provider(self, acme_server):
        self.server = acme_server
        return lambda: AcmeProvider(acme_server.url, timeout_s=0.5)

    async def disable(self, login):
        await self.server.disable(login)

    async def backend_down(self):
        await self.server.stop()
```

A provider that judges requests overrides `good_request` and sets `header`, one with `accounts` overrides the fixture
`write`. What a test class does not override is skipped, and the skip names it. docs/howto/write-auth-provider.md has
whole examples.
"""

from __future__ import annotations

from invoke_host.testing.contracts._auth_accounts import AuthAccounts
from invoke_host.testing.contracts._auth_base import Credential, MakeProvider, Write
from invoke_host.testing.contracts._auth_life import AuthLife
from invoke_host.testing.contracts._auth_passwords import AuthPasswords
from invoke_host.testing.contracts._auth_requests import AuthRequests
from invoke_host.testing.contracts._auth_results import AuthResults

__all__ = ["AuthProviderContract", "Credential", "MakeProvider", "Write"]


class AuthProviderContract(AuthResults, AuthPasswords, AuthRequests, AuthLife, AuthAccounts):
    """The whole suite; a test class of a plugin inherits it and sets what its provider can do."""
