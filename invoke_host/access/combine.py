"""The truth table: how the answers of all policies become one predicate. Nothing else in the host combines grants.

`visible(row) = OR(allow) AND NOT OR(deny) AND AND(restrict)`

| side     | yes                   | no                | NULL (unknown)      | no policy speaks |
|----------|-----------------------|-------------------|---------------------|------------------|
| allow    | may, unless stopped   | no help           | no help             | nobody may       |
| deny     | stopped               | no harm           | stopped             | no harm          |
| restrict | no harm               | stopped           | stopped             | no harm          |

`predicate` says it in SQL, `decide` in plain Python; the tests hold them against each other on SQLite and PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import ColumnElement, and_, false, not_, or_

from invoke_host.api import Grant

#: One side of a policy's answer about one row; `unknown` is SQL's NULL, `silent` means that the policy did not speak.
Truth = Literal["yes", "no", "unknown", "silent"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one policy says about one row, each side evaluated."""

    allow: Truth = "silent"
    deny: Truth = "silent"
    restrict: Truth = "silent"


def predicate(grants: Sequence[Grant]) -> ColumnElement[bool]:
    """The grants as one WHERE clause. It may come out NULL, which a WHERE treats as no: never negate it.

    That is also what makes an unknown deny stop a row (NOT NULL is NULL), so nothing needs a `coalesce`, which would
    keep the database from using an index.
    """
    allows = [grant.allow for grant in grants if grant.allow is not None]
    denies = [grant.deny for grant in grants if grant.deny is not None]
    restricts = [grant.restrict for grant in grants if grant.restrict is not None]
    return and_(or_(false(), *allows), not_(or_(false(), *denies)), *restricts)


def decide(verdicts: Iterable[Verdict]) -> bool:
    """The truth table on evaluated answers, for `explain` and as the tests' reference."""
    said = list(verdicts)
    allowed = any(verdict.allow == "yes" for verdict in said)
    denied = any(verdict.deny in ("yes", "unknown") for verdict in said)
    restricted = any(verdict.restrict in ("no", "unknown") for verdict in said)
    return allowed and not denied and not restricted
