"""Users: creating, changing and deleting them, what becomes of their content, and who they are at login providers."""
