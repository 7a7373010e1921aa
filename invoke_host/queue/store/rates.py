"""What a model's pictures cost on these devices: device time per unit of work, learned from each that is made.

A picture counts as much as it was work: the smallest take long for what they are, and whoever makes thousands of them
must not make everybody else's look expensive.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, ColumnElement, Connection, Insert, bindparam, case, cast, func, literal, select
from sqlalchemy.types import Double

from invoke_host.queue.cost import LEAST_US, US_PER_WORK
from invoke_host.queue.store.items import QueueItem
from invoke_host.queue.store.sql import insert_into, larger
from invoke_host.queue.tables import queue_rates
from invoke_host.storage import PreparedSelect, PreparedWrite

#: The average remembers the work of so many usual pictures: a change of devices or drivers is learned within as many.
MEMORY = 16

#: One picture is believed to be this many times as fast or as slow as those before, unless it is more work than they.
CLAMP = 4.0

#: A difference of so much, in parts of the estimate, is not worth a write.
NOISE = 0.02


def us_per_work(conn: Connection, model: str | None) -> float:
    """The model's own rate, else the mean of the known ones, else a guess."""
    row = _RATE.first(conn, {"model_": model})
    return US_PER_WORK if row is None else float(row[0])


def learn(conn: Connection, item: QueueItem, engine_us: int) -> None:
    """Take a picture that is finished into the rate of its model. One that took what was expected teaches nothing."""
    estimated_us = item.estimated_us or 0
    if item.model is None or item.work <= 0 or engine_us <= 0:
        return
    if abs(engine_us - estimated_us) > NOISE * estimated_us:
        _LEARN.run(conn, {"model": item.model, "us_per_work": engine_us / item.work, "work": item.work})


def rate(model: ColumnElement[str | None]) -> ColumnElement[float]:
    """`us_per_work` in SQL."""
    own = select(queue_rates.c.us_per_work).where(queue_rates.c.model == model).correlate_except(queue_rates)
    mean = select(func.avg(queue_rates.c.us_per_work))
    return func.coalesce(own.scalar_subquery(), mean.scalar_subquery(), literal(US_PER_WORK, Double()), type_=Double())


def estimate(model: ColumnElement[str | None], work: ColumnElement[float]) -> ColumnElement[int]:
    """`cost.estimate_us` at the model's rate, in SQL."""
    return larger(cast(func.round(work * rate(model)), BigInteger), literal(LEAST_US, BigInteger()))


def share(estimated_us: ColumnElement[int], weight: ColumnElement[float]) -> ColumnElement[int]:
    """What a lane is charged for it, in SQL: who has twice the weight pays half. Never nothing."""
    return larger(cast(func.round(estimated_us / weight), BigInteger), literal(1, BigInteger()))


def _learn(dialect: str) -> Insert:
    row = insert_into(queue_rates, dialect)
    old, new = queue_rates.c, row.excluded
    part = new.work / (old.work + new.work)
    measured = case(
        (new.work >= old.work, new.us_per_work),
        (new.us_per_work > old.us_per_work * CLAMP, old.us_per_work * CLAMP),
        (new.us_per_work < old.us_per_work / CLAMP, old.us_per_work / CLAMP),
        else_=new.us_per_work,
    )
    return row.on_conflict_do_update(
        index_elements=[old.model],
        set_={
            "us_per_work": old.us_per_work + (measured - old.us_per_work) * part,
            # What is remembered fades as work is done, not as pictures are made: it comes to rest at MEMORY times the
            # usual work, never beyond MEMORY times the largest.
            "work": old.work + new.work - old.work * part * (1 + 1 / MEMORY),
        },
    )


_RATE = PreparedSelect(select(rate(bindparam("model_")).label("rate")))
_LEARN = PreparedWrite(_learn)
