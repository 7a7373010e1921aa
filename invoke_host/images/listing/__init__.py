"""Listing images: any page costs about the same, however many images there are and however deep it lies.

Images of one kind (is_intermediate, category, starred) in one place are a stream: a range of an index in the order of
arrival. A place is a board, one user's images on one board or on none, or all there is. The counters say which streams
have anything in them, and give the total; what somebody may see is a set of streams of which no two overlap. A page is
read from those that reach into it and merged; nothing is sorted, skipped or counted. Only `offset`, for clients that
know no cursor, walks over what it skips. What no counter knows (words, origin, a day) is asked of the search index.

Every row that leaves here has passed the access engine's predicate; the streams only say where to look.
"""

from __future__ import annotations

from invoke_host.images.listing.by_date import Day, days
from invoke_host.images.listing.names import names
from invoke_host.images.listing.pages import QUICK_OFFSET, Page, is_quick, page, streams, walked_page, warm_up
from invoke_host.images.listing.streams import Stream

__all__ = [
    "QUICK_OFFSET",
    "Day",
    "Page",
    "Stream",
    "days",
    "is_quick",
    "names",
    "page",
    "streams",
    "walked_page",
    "warm_up",
]
