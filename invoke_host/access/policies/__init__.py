"""The policies that come with the host, written like any plugin's."""
