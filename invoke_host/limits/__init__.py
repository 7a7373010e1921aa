"""What each user may use: caps, quotas and shares, set by administrators, and what was used of them.

The queue asks `admission` where it enqueues and `running` where it starts items, both with what `effective` says, and
keeps `usage` by the rules of `bookings`. This room knows users and groups, and nothing of the queue.
"""
