"""API tokens: credentials for programs, with a name, scopes and an end."""
