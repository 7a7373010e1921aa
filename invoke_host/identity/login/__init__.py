"""From a name and a password to a session: provider chain, throttle, first administrator."""
