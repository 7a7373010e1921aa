"""Login with e-mail and password: the plugin object that the entry point `local` names."""
