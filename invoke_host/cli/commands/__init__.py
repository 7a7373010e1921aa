"""One file per command of `invoke-host`. At import they may only need click; a test watches that."""
