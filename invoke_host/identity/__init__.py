"""Who is calling: users and groups, sessions and API tokens, login through a chain of providers, single-user mode."""
