"""The audit log: who changed what about accounts and access, and every login. Rows are only ever added."""
