"""The process that decodes: the only place where bytes from outside meet image libraries. Nothing imports it."""
