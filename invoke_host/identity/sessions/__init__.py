"""Login sessions: signed tokens, and the rows that say whether they still count."""
