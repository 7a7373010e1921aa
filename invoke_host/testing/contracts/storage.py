"""What every storage backend must keep. The host's tables and queries rely on each of these sentences.

```python
import pytest
from invoke_host.testing.contracts import StorageContract

class TestAcme(StorageContract):
    secrets = ("hunter2",)

    @pytest.fixture
    def make_backend(self, empty_database_url):
        return lambda: AcmeBackend(empty_database_url)

    @pytest.fixture
    def unopenable(self):
        return AcmeBackend("acme://nobody:hunter2@127.0.0.1:1/none")
```

What a backend does not declare in its `capabilities` is skipped, and the skip names it. A backend that makes backups
overrides `open_backup` as well, one that reaches its database through connections `cut_connections`.
"""

from __future__ import annotations

from invoke_host.testing.contracts._storage_base import MakeBackend
from invoke_host.testing.contracts._storage_data import StorageData
from invoke_host.testing.contracts._storage_life import StorageLife
from invoke_host.testing.contracts._storage_safety import OpenBackup, StorageSafety
from invoke_host.testing.contracts._storage_units import StorageUnits

__all__ = ["MakeBackend", "OpenBackup", "StorageContract"]


class StorageContract(StorageLife, StorageUnits, StorageData, StorageSafety):
    """The whole suite; a test class of a plugin inherits it and overrides its fixtures."""
