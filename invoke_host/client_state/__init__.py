"""Client state: what a user interface remembers for its user. Nobody else ever sees it, administrators neither."""
