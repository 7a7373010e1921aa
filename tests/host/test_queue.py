"""Items of a running host: canceled while they wait or run, taken in the order that was told, retried."""

from __future__ import annotations

import signal

from .client import QUEUE, Client
from .listener import Listener
from .process import HostProcess, until
from .test_lifecycle import LONG

#: Steps that may pass between the answer to a cancel and the moment the worker has heard of it, on a busy machine.
GRACE_STEPS = 8


def idle(client: Client) -> bool:
    """Is nothing running or waiting?"""
    counts = client.get(f"{QUEUE}/status").json()["queue"]
    return counts["pending"] == counts["in_progress"] == 0


def test_canceling_a_running_item_stops_it_at_the_next_step_and_no_picture_appears(painter):
    before = painter.names()
    with Listener(painter) as listener:
        [item_id] = painter.generate(**LONG)["item_ids"]
        listener.step(item_id, 5)
        answer = painter.put(f"{QUEUE}/i/{item_id}/cancel").json()
        reached = listener.progress(item_id)[-1]
        assert (answer["status"], answer["image_names"]) == ("canceled", [])
        listener.status(item_id, "canceled")
        [next_one] = painter.generate()["item_ids"]
        [name] = listener.status(next_one, "completed").data["image_names"]
        assert listener.progress(item_id)[-1] <= reached + GRACE_STEPS
        assert listener.statuses(item_id) == ["in_progress", "canceled"]
    assert painter.names() == [name, *before]
    assert painter.item(item_id)["status"] == "canceled"
    assert painter.put(f"{QUEUE}/i/{item_id}/cancel").json()["status"] == "canceled"


def test_items_are_taken_in_their_order_and_canceled_ones_are_not(painter):
    painter.put(f"{QUEUE}/processor/pause")
    until("the queue is idle", lambda: painter.get(f"{QUEUE}/status").json()["queue"]["in_progress"] == 0)
    with Listener(painter) as listener:
        one, two, three = painter.generate(count=3)["item_ids"]
        [ahead] = painter.generate(prepend=True)["item_ids"]
        assert painter.get(f"{QUEUE}/next").json() is None, "nothing is taken while the queue is paused"
        painter.put(f"{QUEUE}/i/{two}/cancel")
        painter.delete(f"{QUEUE}/i/{three}")
        painter.put(f"{QUEUE}/processor/resume")
        listener.status(one, "completed")
        taken = [e.data["item_id"] for e in listener.events if e.data.get("status") == "in_progress"]
    assert taken == [ahead, one]
    assert painter.item(two)["status"] == "canceled"
    assert painter.get(f"{QUEUE}/i/{three}").status == 404
    assert painter.get(f"{QUEUE}/next").json() is None
    assert idle(painter)


def test_an_item_whose_worker_was_killed_is_made_by_the_next_worker(host: HostProcess, painter):
    with Listener(painter) as listener:
        [item_id] = painter.generate(**LONG)["item_ids"]
        listener.step(item_id, 5)
        host.worker().send_signal(signal.SIGKILL)
        [name] = listener.status(item_id, "completed").data["image_names"]
        assert listener.statuses(item_id) == ["in_progress", "pending", "in_progress", "completed"]
    assert painter.names()[0] == name
    assert painter.item(item_id)["attempt"] == 2
    assert idle(painter)
