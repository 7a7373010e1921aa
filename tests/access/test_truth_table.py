"""All 4,096 combinations of two policies' answers: SQL and plain Python agree on each."""

from __future__ import annotations

from itertools import product

import pytest
from sqlalchemy import Boolean, Column, Integer, MetaData, Table, false, insert, null, select, true

from invoke_host.access import Verdict, decide
from invoke_host.access.combine import predicate
from invoke_host.api import Grant

SIDES = ("allow", "deny", "restrict")
TRUTHS = {True: "yes", False: "no", None: "unknown"}

metadata = MetaData()
answers = Table(
    "answers",
    metadata,
    Column("id", Integer, primary_key=True),
    *(Column(f"{side}_{policy}", Boolean) for policy in (0, 1) for side in SIDES),
)


@pytest.fixture
def rows(conn):
    """Every combination of yes, no and NULL in six columns."""
    metadata.create_all(conn)
    names = [column.name for column in answers.columns][1:]
    values = [
        {"id": index, **dict(zip(names, row, strict=True))}
        for index, row in enumerate(product((True, False, None), repeat=6))
    ]
    conn.execute(insert(answers), values)
    return values


def test_sql_and_python_agree_on_every_combination_of_two_policies(conn, rows):
    for speaks in product((True, False), repeat=6):
        sides = dict(zip([f"{side}_{policy}" for policy in (0, 1) for side in SIDES], speaks, strict=True))
        grants = [
            Grant(**{side: answers.c[f"{side}_{policy}"] if sides[f"{side}_{policy}"] else None for side in SIDES})
            for policy in (0, 1)
        ]
        listed = set(conn.scalars(select(answers.c.id).where(predicate(grants))))
        expected = {
            row["id"]
            for row in rows
            if decide(
                Verdict(
                    **{
                        side: TRUTHS[row[f"{side}_{policy}"]] if sides[f"{side}_{policy}"] else "silent"
                        for side in SIDES
                    }
                )
                for policy in (0, 1)
            )
        }
        assert listed == expected, sides


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([], False),
        ([Verdict()], False),
        ([Verdict(allow="yes")], True),
        ([Verdict(allow="unknown")], False),
        ([Verdict(allow="yes"), Verdict(allow="no")], True),
        ([Verdict(allow="yes"), Verdict(deny="yes")], False),
        ([Verdict(allow="yes"), Verdict(deny="unknown")], False),
        ([Verdict(allow="yes", deny="no", restrict="yes")], True),
        ([Verdict(allow="yes"), Verdict(restrict="no")], False),
        ([Verdict(allow="yes"), Verdict(restrict="unknown")], False),
        ([Verdict(restrict="yes")], False),
    ],
)
def test_the_table_as_documented(verdicts, expected):
    assert decide(verdicts) is expected


def test_no_grants_at_all_is_nobody(conn, rows):
    assert conn.scalars(select(answers.c.id).where(predicate([]))).all() == []


def test_constants_and_null_literals_are_judged_too(conn, rows):
    everything = select(answers.c.id)
    assert len(conn.scalars(everything.where(predicate([Grant(allow=true())]))).all()) == len(rows)
    for grant in (Grant(allow=false()), Grant(allow=null()), Grant(allow=true(), deny=null())):
        assert conn.scalars(everything.where(predicate([grant]))).all() == []
