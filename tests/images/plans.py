"""How SQLite goes about a question."""

from __future__ import annotations

from typing import Any, Self

from sqlalchemy import Connection, Engine, event


class Plans:
    """The plans of all SELECTs from `images` that SQLite makes while this is open."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.lines: list[str] = []

    def __enter__(self) -> Self:
        event.listen(self._engine, "before_cursor_execute", self._explain)
        return self

    def __exit__(self, *exc: object) -> None:
        event.remove(self._engine, "before_cursor_execute", self._explain)

    def _explain(
        self, conn: Connection, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> None:
        if statement.startswith("SELECT") and "FROM images" in statement:
            plan = conn.connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            self.lines += [line[-1] for line in plan]
