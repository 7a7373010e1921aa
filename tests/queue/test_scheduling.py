"""Who is next: round robin over users, priority and then first come within one, whatever happens to history."""

from __future__ import annotations

from invoke_host.queue.service import QueueService
from invoke_host.queue.store import lease, reads, state
from invoke_host.queue.store.claim import claimable

from .conftest import ADMIN, ALICE, BOB, CAROL, NOW, Line


def test_users_take_turns(each_line: Line) -> None:
    ids = [each_line.add(who).item_ids[0] for who in (ALICE, ALICE, BOB, CAROL, CAROL, ALICE)]
    # The reference's example: A,A,B,C,C,A becomes A1 B3 C4 A2 C5 A6.
    assert each_line.order() == [ids[place - 1] for place in (1, 3, 4, 2, 5, 6)]


def test_priority_never_crosses_users(each_line: Line) -> None:
    low_a = each_line.add(ALICE).item_ids[0]
    high_a = each_line.add(ALICE, prepend=True).item_ids[0]
    low_b = each_line.add(BOB).item_ids[0]
    high_b = each_line.add(BOB, prepend=True).item_ids[0]
    assert each_line.order() == [high_a, high_b, low_a, low_b]


def test_one_user_is_served_first_come_first_served(each_line: Line) -> None:
    ids = each_line.add(ALICE, 5).item_ids + each_line.add(ALICE, 2).item_ids
    assert each_line.order() == ids


def test_who_comes_late_waits_for_one_picture_not_for_a_thousand(each_line: Line) -> None:
    many = each_line.add(ALICE, 50).item_ids
    assert each_line.must_claim().id == many[0]
    late = each_line.add(BOB).item_ids[0]
    assert each_line.must_claim().id == late


async def test_pruning_ones_history_does_not_move_one_forward(line: Line, access, models) -> None:
    for who in (ALICE, BOB):
        line.add(who, 2)
    first, second = line.must_claim(), line.must_claim()
    assert (first.user_id, second.user_id) == ("alice", "bob")
    service = QueueService(line.storage, access, models, line.clock)
    for item in (first, second):
        await service.cancel(ADMIN, "default", item.id)
    assert await service.prune(BOB, "default") == 1
    assert line.must_claim().user_id == "alice"


def test_queue_ids_share_one_line(each_line: Line) -> None:
    each_line.add(ALICE, 2, queue="one")
    other = each_line.add(BOB, queue="two").item_ids[0]
    each_line.must_claim()
    assert each_line.must_claim().id == other


def test_next_names_the_item_that_is_claimed_next(each_line: Line, access) -> None:
    for who, queue in ((ALICE, "one"), (ALICE, "one"), (BOB, "two"), (CAROL, "one"), (BOB, "one"), (CAROL, "two")):
        each_line.add(who, 2, queue=queue)
    each_line.add(BOB, prepend=True, queue="one")
    while True:
        said = [
            item["item_id"]
            for queue in ("one", "two")
            if (item := each_line.storage.run_read(reads.upcoming, access, ADMIN, queue, now=NOW)) is not None
        ]
        taken = each_line.claim()
        if taken is None:
            break
        assert taken.id in said
    assert said == []


def test_a_claim_starts_the_item_under_a_lease(each_line: Line) -> None:
    item_id = each_line.add(ALICE, destination="gallery").item_ids[0]
    each_line.clock.advance(5)
    item = each_line.must_claim()
    assert (item.id, item.status, item.status_sequence, item.attempt) == (item_id, "in_progress", 1, 1)
    assert item.started_at == item.updated_at == each_line.now()
    assert item.lease_token
    assert each_line.storage.run_read(lease.held, [item.lease_token, "other"]) == {item.lease_token}
    assert each_line.drift() == []


def test_an_empty_queue_gives_nothing_and_writes_nothing(each_line: Line) -> None:
    assert not each_line.storage.run_read(claimable)
    assert each_line.claim() is None


def test_a_paused_queue_gives_nothing_until_it_is_resumed(each_line: Line) -> None:
    each_line.add(ALICE)
    each_line.storage.run_write(state.set_paused, "default", True, now=NOW)
    assert not each_line.storage.run_read(claimable)
    assert each_line.claim() is None
    each_line.storage.run_write(state.set_paused, "default", False, now=NOW)
    assert each_line.storage.run_read(claimable)
    assert each_line.must_claim().user_id == "alice"


def test_an_item_given_back_is_next_again_with_the_same_attempt(each_line: Line) -> None:
    first = each_line.add(ALICE).item_ids[0]
    each_line.add(BOB)
    item = each_line.must_claim()
    each_line.storage.run_write(lease.give_back, [item.lease_token], now=each_line.now())
    assert (each_line.item(first).status, each_line.item(first).attempt) == ("pending", 0)
    again = each_line.must_claim()
    assert (again.id, again.attempt) == (first, 1)
    assert again.lease_token != item.lease_token
    assert each_line.drift() == []


def test_the_order_survives_a_restart_in_the_middle(each_line: Line) -> None:
    ids = [each_line.add(who).item_ids[0] for who in (ALICE, ALICE, BOB, CAROL, CAROL, ALICE)]
    taken = [each_line.must_claim().id]
    interrupted = each_line.must_claim().id
    assert each_line.storage.run_read(lease.running, "default")
    # Both are in progress when the host dies; both come back, and nobody else is overtaken by others.
    returned, failed = each_line.storage.run_write(lease.recover, expired_only=False, now=each_line.now())
    assert ([item.id for item in returned], failed) == ([*taken, interrupted], [])
    assert each_line.order() == [ids[place - 1] for place in (1, 3, 4, 2, 5, 6)]
