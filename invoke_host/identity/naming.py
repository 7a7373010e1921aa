"""What people are called where others see it."""

from __future__ import annotations


def shown_name(display_name: str | None, email: str, *, to_admin: bool) -> str:
    """`owner_username` of what somebody owns: their display name, else the part of their address before the @.

    The whole address is for administrators.
    """
    return display_name or (email if to_admin else email.rpartition("@")[0])
