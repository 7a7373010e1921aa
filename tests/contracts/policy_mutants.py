"""Broken policies, by the test that must find each."""

from __future__ import annotations

import asyncio
import itertools
import time
from pathlib import Path

from sqlalchemy import Column, Integer, MetaData, String, Table, exists, func, literal, or_, text, true

from .honest_policy import HonestPolicy, desks

hidden = Table("board", MetaData(), Column("id", String(36)), Column("internal_note", String(36)))


class HasADifferentNameEachTime(HonestPolicy):
    count = itertools.count()

    def __init__(self):
        self.name = f"desk{next(self.count)}"


class HasANameThatNoFileCanSay(HonestPolicy):
    name = "Desk policy"


class ThinksThatEverythingHasAnOwner(HonestPolicy):
    def allow(self, actor, action, resource, facts):
        return resource.columns["owner"] == actor.id


class ThinksThatEverybodyHasAnId(HonestPolicy):
    def restrict(self, actor, action, resource):
        return literal(actor.id.startswith("a"))


class AnswersWithAList(HonestPolicy):
    def grant(self, actor, action, resource, facts):
        return [super().grant(actor, action, resource, facts)]


class AnswersWithATruth(HonestPolicy):
    def restrict(self, actor, action, resource):
        return action.see


class AnswersWithAColumn(HonestPolicy):
    def restrict(self, actor, action, resource):
        return resource.columns.get("owner")


class CountsItsAnswers(HonestPolicy):
    def __init__(self):
        self.count = itertools.count()

    def restrict(self, actor, action, resource):
        return literal(next(self.count)) >= 0


class RemembersWhoCameFirst(HonestPolicy):
    first = None

    def restrict(self, actor, action, resource):
        self.first = self.first or actor.id
        return literal(actor.id == self.first)


class SaysWhenItWasMade(HonestPolicy):
    count = itertools.count()

    def __init__(self):
        self.number = next(self.count)

    def restrict(self, actor, action, resource):
        return literal(self.number) >= 0


class LooksAtTheSession(HonestPolicy):
    def restrict(self, actor, action, resource):
        return literal(actor.session_id is None)


class GoesByTheNameThatIsShown(HonestPolicy):
    def restrict(self, actor, action, resource):
        return literal(actor.display_name) != "Mallory"


class ReadsAFile(HonestPolicy):
    def restrict(self, actor, action, resource):
        return literal(len(Path(__file__).read_text())) >= 0


class Waits(HonestPolicy):
    def restrict(self, actor, action, resource):
        time.sleep(0.000001)


class Ponders(HonestPolicy):
    def restrict(self, actor, action, resource):
        until = time.thread_time() + 0.003
        while time.thread_time() < until:
            pass


class KnowsNothingOfStrangers(HonestPolicy):
    async def facts(self, actor):
        return {"desks": frozenset({{"alice": "north", "bob": "north", "carol": "south"}[actor.id]})}


class LearnsForTooLong(HonestPolicy):
    async def facts(self, actor):
        await asyncio.sleep(30)
        return await super().facts(actor)


class LearnsOnTheLoop(HonestPolicy):
    async def facts(self, actor):
        until = time.thread_time() + 0.3
        while time.thread_time() < until:
            pass
        return await super().facts(actor)


class LearnsAList(HonestPolicy):
    async def facts(self, actor):
        return []


class WritesText(HonestPolicy):
    def restrict(self, actor, action, resource):
        return or_(text("1 = 1"), literal(0) == 1)


class UsesAnInternalColumn(HonestPolicy):
    def restrict(self, actor, action, resource):
        if resource.name != "board":
            return None
        return exists().where(hidden.c.id == resource.id, hidden.c.internal_note.is_(None)).correlate(resource.table)


class JoinsItsTable(HonestPolicy):
    def restrict(self, actor, action, resource):
        return desks.c.desk != "west"


class ForgetsNull(HonestPolicy):
    def restrict(self, actor, action, resource):
        said = super().restrict(actor, action, resource)
        return None if said is None else func.coalesce(resource.columns["visibility"], "private") != "public"


class ForgetsAnAction(HonestPolicy):
    def restrict(self, actor, action, resource):
        return None if action.name == "board.share" else super().restrict(actor, action, resource)


class LeavesItToChanceWhatItBelongsTo(HonestPolicy):
    def allow(self, actor, action, resource, facts):
        said = super().allow(actor, action, resource, facts)
        return None if said is None else exists().where(desks.c.person == resource.columns["owner"])


class LetsEverybodyLook(HonestPolicy):
    def allow(self, actor, action, resource, facts):
        return true() if action.see else None


class GivesAwayWhatNobodyOwns(HonestPolicy):
    def allow(self, actor, action, resource, facts):
        owner = resource.columns.get("owner")
        return None if owner is None or actor.is_anonymous else owner.is_(None)


class ThrowsADie(HonestPolicy):
    def restrict(self, actor, action, resource):
        return func.random(type_=Integer) % 2 == 0


class AsksTheDatabase(HonestPolicy):
    engine = None  # what the bench works on

    def restrict(self, actor, action, resource):
        if self.engine is None:
            return None
        with self.engine.connect() as conn:
            return literal(conn.scalar(text("SELECT 1"))) == 1


#: Defect: the test that must find it.
KILLED_BY: dict[type[HonestPolicy], str] = {
    HasADifferentNameEachTime: "test_it_has_one_name_that_a_configuration_can_say",
    HasANameThatNoFileCanSay: "test_it_has_one_name_that_a_configuration_can_say",
    ThinksThatEverythingHasAnOwner: "test_it_has_a_word_or_none_for_every_caller_action_and_kind_of_thing",
    ThinksThatEverybodyHasAnId: "test_it_has_a_word_or_none_for_every_caller_action_and_kind_of_thing",
    AnswersWithAList: "test_it_has_a_word_or_none_for_every_caller_action_and_kind_of_thing",
    AnswersWithATruth: "test_each_side_of_an_answer_is_a_condition_in_sql",
    AnswersWithAColumn: "test_each_side_of_an_answer_is_a_condition_in_sql",
    CountsItsAnswers: "test_the_same_question_gets_the_same_sql",
    RemembersWhoCameFirst: "test_another_policy_of_its_kind_says_the_same",
    SaysWhenItWasMade: "test_another_policy_of_its_kind_says_the_same",
    LooksAtTheSession: "test_it_decides_by_who_calls_and_not_by_how_they_came",
    GoesByTheNameThatIsShown: "test_it_decides_by_who_calls_and_not_by_how_they_came",
    ReadsAFile: "test_it_does_nothing_but_answer",
    Waits: "test_it_does_nothing_but_answer",
    Ponders: "test_it_answers_at_once",
    KnowsNothingOfStrangers: "test_it_learns_about_any_caller_in_time_and_off_the_loop",
    LearnsForTooLong: "test_it_learns_about_any_caller_in_time_and_off_the_loop",
    LearnsOnTheLoop: "test_it_learns_about_any_caller_in_time_and_off_the_loop",
    LearnsAList: "test_it_learns_about_any_caller_in_time_and_off_the_loop",
    WritesText: "test_it_uses_published_columns_and_its_own_tables_only",
    UsesAnInternalColumn: "test_it_uses_published_columns_and_its_own_tables_only",
    JoinsItsTable: "test_its_conditions_are_about_the_row_and_bring_no_other_table_in",
    ForgetsNull: "test_it_says_of_every_row_what_its_author_says",
    ForgetsAnAction: "test_it_says_of_every_row_what_its_author_says",
    LeavesItToChanceWhatItBelongsTo: "test_its_conditions_hold_in_any_statement",
    LetsEverybodyLook: "test_it_opens_nothing_to_who_is_not_logged_in",
    GivesAwayWhatNobodyOwns: "test_what_nobody_owns_is_no_more_open_than_what_a_stranger_owns",
    ThrowsADie: "test_listing_single_check_buttons_and_explanation_agree",
    AsksTheDatabase: "test_a_page_costs_one_statement_however_long_it_is",
}
