"""Groups of users, for grants and limits."""
