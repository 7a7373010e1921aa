"""What ldap3 does too much of, taken away from it."""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic
from typing import Any, Final

import ldap3

#: The least time for an address, so that it is not "no limit".
_LEAST_S: Final = 0.01


class AddressesInTime(ldap3.Server):  # type: ignore[misc]  # ldap3 has no types
    """A server whose addresses share one connect timeout."""

    def __init__(self, *args: Any, connect_timeout: float, **kwargs: Any) -> None:
        super().__init__(*args, connect_timeout=connect_timeout, **kwargs)
        self.within_s = connect_timeout

    def candidate_addresses(self) -> Iterator[Any]:
        """Each is tried while the generator waits, with its part of the time that is left."""
        ends_at = monotonic() + self.within_s
        addresses = super().candidate_addresses()
        for number, address in enumerate(addresses):
            self.connect_timeout = max(_LEAST_S, (ends_at - monotonic()) / (len(addresses) - number))
            yield address


class Once(ldap3.Connection):  # type: ignore[misc]  # ldap3 has no types
    """A connection that is opened once: ldap3 would open a closed one again, without TLS, to send a password on it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        opens = [self.strategy.open]

        def open_once(read_server_info: bool = True) -> None:
            if not opens:
                raise OSError("the connection was closed")
            opens.pop()(reset_usage=False, read_server_info=read_server_info)

        self.open = open_once  # where ldap3 keeps it
