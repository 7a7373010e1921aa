"""Directory servers that only the long tests start."""

from __future__ import annotations

from scripts.servers import Server, ensure_servers

SAMBA = (
    Server("samba", "Active Directory", ("samba", "/usr/sbin/samba")),
    Server("samba-ad-provision", "Active Directory", ("/usr/share/samba/setup/provision.ldif",)),
    Server("samba-dsdb-modules", "Active Directory", ("/usr/lib/*/samba/ldb/samba_secrets.so",)),
    Server("samba-vfs-modules", "Active Directory", ("/usr/lib/*/samba/vfs/acl_xattr.so",)),
)
DS389 = (Server("389-ds-base", "389 Directory Server", ("ns-slapd", "/usr/sbin/ns-slapd")),)


def needs(*servers: Server) -> None:
    """Install what is missing; fails the test with the line that does it where that is not possible."""
    ensure_servers(servers)
