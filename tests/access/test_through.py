"""What lies on a thing: the way through the parent, what closes it, and the statements that it makes."""

from __future__ import annotations

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, delete, func, insert, or_, select, true, update

from invoke_host.access import AccessEngine, Verdict, allowed
from invoke_host.access.policies import BUILTIN
from invoke_host.api import Action, Actor, Forbidden, Grant, NotFound, Policy, ResourceType, StartupError, UserId

from .conftest import ALICE, BOB, ROOT
from .shelves import (
    ABOVE,
    ACTIONS,
    BOOK,
    COUNTED,
    RESOURCES,
    SHELF,
    SHELF_ACTIONS,
    Frozen,
    book_counts,
    books,
    shelf_grants,
    shelves,
)

CAROL = Actor(UserId("carol"), "user")


class Sealed(Policy):
    """Hides a shelf in state `sealed`, and says nothing about books."""

    name = "sealed"

    def grant(self, actor, action, resource, facts):
        return Grant(deny=resource.columns["state"] == "sealed") if action.resource == "shelf" else None


def engine_with(*more: Policy) -> AccessEngine:
    return AccessEngine(ACTIONS, RESOURCES, [*(policy() for policy in BUILTIN), *more])


@pytest.fixture
def default() -> AccessEngine:
    return engine_with()


@pytest.fixture
def filled(conn):
    """Shelf 1 is Alice's, shared and open, shelf 2 hers, shared and sealed, shelf 3 Root's, private.

    Of Root's books 11 lies on 1, 12 on 2, 13 on 3, 14 on none, 15 on 1 and is removed. Bob is editor of 1 and 2.
    """
    conn.execute(
        insert(shelves),
        [
            {"id": 1, "owner": "alice", "visibility": "shared", "state": "open"},
            {"id": 2, "owner": "alice", "visibility": "shared", "state": "sealed"},
            {"id": 3, "owner": "root", "visibility": "private", "state": "open"},
        ],
    )
    conn.execute(
        insert(books),
        [
            {"id": key, "owner": "root", "shelf_id": shelf, "state": "open", "removed": key == 15}
            for key, shelf in ((11, 1), (12, 2), (13, 3), (14, None), (15, 1))
        ],
    )
    conn.execute(insert(shelf_grants), [{"shelf_id": key, "user": "bob", "role": "editor"} for key in (1, 2)])
    return conn


def listed(conn, engine, actor, action="book.view"):
    return set(conn.scalars(engine.visible(select(books.c.id), actor, action)))


def test_who_sees_the_shelf_sees_all_that_lies_on_it(filled, default):
    assert listed(filled, default, ALICE) == {11, 12}
    assert listed(filled, default, ROOT) == {11, 12, 13, 14}


def test_who_may_curate_the_shelf_may_change_all_that_lies_on_it_and_nothing_else(filled, default):
    assert listed(filled, default, BOB, "book.edit") == {11, 12}
    assert listed(filled, default, BOB, "book.place") == set()
    with pytest.raises(Forbidden):
        default.authorize(filled, BOB, "book.place", 11)


def test_a_policy_that_hides_the_shelf_closes_the_way_through_it(filled):
    engine = engine_with(Sealed())
    assert listed(filled, engine, ALICE) == {11}
    assert listed(filled, engine, BOB) == {11}
    with pytest.raises(NotFound):
        engine.authorize(filled, BOB, "book.edit", 12)


def test_it_takes_nothing_from_those_who_need_no_way_through_it(filled):
    """Who made the book still has it: a policy that means the book must speak of the book."""
    maker = Actor(ROOT.id, "user")
    assert listed(filled, engine_with(Sealed()), maker) == {11, 12, 13, 14}


def test_a_policy_that_narrows_an_action_on_the_shelf_narrows_what_goes_through_it(filled):
    filled.execute(update(shelves).where(shelves.c.id == 1).values(state="frozen"))
    engine = engine_with(Frozen())
    assert listed(filled, engine, BOB) == {11, 12}
    assert listed(filled, engine, BOB, "book.edit") == {12}
    with pytest.raises(Forbidden):
        engine.authorize(filled, BOB, "book.edit", 11)


def test_rows_that_are_no_such_things_are_invisible_in_every_answer_to_administrators_too(filled, default):
    with pytest.raises(NotFound, match=r"no book '?15"):
        default.authorize(filled, ROOT, "book.view", 15)
    assert default.permissions(filled, ROOT, [11, 15], ["book.view"]) == {11: {"book.view"}, 15: set()}
    with pytest.raises(NotFound):
        default.explain(filled, ROOT, "book.view", 15)
    assert 15 not in listed(filled, default, ROOT)


def test_the_way_holds_where_the_statement_reads_the_shelves_and_grants_too(filled, default):
    joined = (
        select(books.c.id, func.count(shelf_grants.c.id))
        .select_from(books)
        .outerjoin(shelves, shelves.c.id == books.c.shelf_id)
        .outerjoin(shelf_grants, shelf_grants.c.shelf_id == shelves.c.id)
        .group_by(books.c.id)
    )
    rows = filled.execute(default.visible(joined, ALICE, "book.view")).all()
    assert sorted(map(tuple, rows)) == [(11, 1), (12, 1)]
    names = select(
        shelves.c.id,
        select(func.count())
        .select_from(books)
        .where(books.c.shelf_id == shelves.c.id, default.predicate(BOB, "book.view"))
        .correlate(shelves)
        .scalar_subquery(),
    )
    assert sorted(map(tuple, filled.execute(names))) == [(1, 1), (2, 1), (3, 0)]


def test_conditions_hold_beside_the_very_tables_that_they_ask(filled, default):
    """EXISTS reads its own grants and shelves, not those of the statement around it."""
    roles = select(shelves.c.id, shelf_grants.c.id).select_from(shelves.join(shelf_grants, true()))
    assert {row[0] for row in filled.execute(default.visible(roles, CAROL, "shelf.view"))} == {1, 2}
    filled.execute(update(shelves).values(visibility="private"))
    assert filled.execute(default.visible(roles, CAROL, "shelf.view")).all() == []
    assert len(filled.execute(default.visible(roles, BOB, "shelf.view")).all()) == 4
    beside = select(books.c.id, ABOVE.id).select_from(books.join(ABOVE.table, true()))
    rows = set(map(tuple, filled.execute(default.visible(beside, BOB, "book.view"))))
    assert rows == {(book, shelf) for book in (11, 12) for shelf in (1, 2, 3)}


def test_the_way_holds_in_updates_and_deletes(filled, default):
    changed = filled.execute(update(books).where(default.predicate(BOB, "book.edit")).values(state="read"))
    assert changed.rowcount == 2
    assert filled.execute(delete(books).where(default.predicate(BOB, "book.edit"))).rowcount == 2


def test_counters_follow_the_shelf_too(filled, default):
    filled.execute(insert(book_counts), [{"owner": "root", "shelf_id": shelf, "count": 2} for shelf in (1, 2, 3, None)])
    total = select(func.sum(book_counts.c.count))
    assert filled.scalar(default.visible(total, ALICE, "book.view", COUNTED)) == 4
    assert filled.scalar(default.visible(total, ROOT, "book.view", COUNTED)) == 8


def test_counters_without_an_id_show_nothing_to_those_who_come_by_a_grant(filled, default):
    """Without this, one grant on any shelf would open the counters of all."""
    counts = Table("shelf_counts", MetaData(), Column("shelf", Integer), Column("count", Integer))
    counts.create(filled)
    filled.execute(insert(counts), [{"shelf": key, "count": 1} for key in (1, 2, 3)])
    total = select(func.count()).select_from(counts)
    assert filled.scalar(default.visible(total, BOB, "shelf.view", SHELF.over(counts, {}))) == 0
    known = SHELF.over(counts, {}, key=counts.c.shelf)
    assert filled.scalar(default.visible(total, BOB, "shelf.view", known)) == 2


def test_counters_must_say_what_the_thing_lies_on():
    with pytest.raises(ValueError, match="book lies on shelf, so it needs a column `parent`"):
        BOOK.over(book_counts, {"owner": book_counts.c.owner})


def test_a_check_costs_one_statement_however_deep_the_way(filled, default, statements):
    default.authorize(filled, BOB, "book.edit", 11)
    assert len(statements) == 1


def test_explain_tells_why_the_shelf_says_yes(filled, default):
    why = default.explain(filled, BOB, "book.edit", 11)
    assert allowed(why)
    last = why[-1]
    assert (last.policy, last.action, last.through, last.verdict) == (
        "shelf",
        "book.edit",
        "shelf.curate",
        Verdict(allow="yes"),
    )
    assert {(each.resource, each.resource_id) for each in last.because} == {("shelf", 1)}
    said = {(each.action, each.policy) for each in last.because if each.verdict.allow == "yes"}
    assert said == {("shelf.view", "visibility"), ("shelf.view", "grants"), ("shelf.curate", "grants")}
    assert {(each.resource, each.resource_id) for each in why} == {("book", 11)}


def test_explain_tells_which_policy_closed_the_way(filled):
    why = engine_with(Sealed()).explain(filled, BOB, "book.view", 12)
    assert not allowed(why)
    closing = [each.policy for each in why[-1].because if each.verdict.deny == "yes"]
    assert closing == ["sealed"]


def test_what_lies_on_nothing_or_on_what_is_gone_has_no_way_through(filled, default):
    filled.execute(update(books).where(books.c.id == 11).values(shelf_id=99))
    for key in (11, 14):
        why = default.explain(filled, ALICE, "book.view", key)
        assert (why[-1].verdict, why[-1].because) == (Verdict(allow="no"), ())


@pytest.mark.parametrize(
    ("actions", "resources", "complaint"),
    [
        ([*SHELF_ACTIONS, Action("book.view", "book", "", through="shelf.veiw")], RESOURCES, "through 'shelf.veiw'"),
        ([Action("shelf.view", "shelf", "", through="book.view")], RESOURCES, "which has none"),
        (
            [*ACTIONS, Action("book.lend", "book", "", through="book.view")],
            RESOURCES,
            "no action on its parent 'shelf'",
        ),
        ([*ACTIONS, Action("book.lend", "book", "", role="owner")], RESOURCES, "roles are viewer, contributor, editor"),
        (ACTIONS, [SHELF, ResourceType("book", books, books.c.id, {}, parent=ABOVE)], "has no column `parent`"),
        (
            ACTIONS,
            [SHELF, ResourceType("book", shelves, shelves.c.id, {"parent": shelves.c.owner}, parent=SHELF)],
            "declare the parent over an alias",
        ),
    ],
)
def test_a_way_that_leads_nowhere_stops_the_start(actions, resources, complaint):
    with pytest.raises(StartupError, match=complaint):
        AccessEngine(actions, resources, [])


def test_what_a_statement_has_asked_of_the_shelf_is_not_asked_for_each_book(filled, default):
    """`within`: the rows are of shelves that the caller sees. Other actions on the shelf are asked as always."""
    columns = {"owner": books.c.owner, "parent": books.c.shelf_id, "state": books.c.state}
    on_shelf = BOOK.over(books, columns, key=books.c.id, where=BOOK.where, within="shelf.view")
    on_one = select(books.c.id).where(books.c.shelf_id == 1)
    assert filled.scalars(default.visible(on_one, BOB, "book.view", on_shelf)).all() == [11]
    assert "EXISTS" not in str(default.predicate(BOB, "book.view", on_shelf))
    filled.execute(delete(shelf_grants))
    assert filled.scalars(default.visible(on_one, BOB, "book.edit", on_shelf)).all() == []


def test_what_is_visible_is_allowed_by_a_policy_or_comes_through_the_shelf(filled, default):
    """`allows` is for lists that read each way in by its own index; it promises no less than all of them."""
    ways = default.allows(Actor(ROOT.id, "user"), "book.view")
    assert set(filled.scalars(select(books.c.id).where(or_(*ways)))) == {11, 12, 13, 14, 15}
    assert default.allows(BOB, "book.view") is default.allows(BOB, "book.view")
    assert set(filled.scalars(select(books.c.id).where(or_(*default.allows(BOB, "book.view"))))) == set()
