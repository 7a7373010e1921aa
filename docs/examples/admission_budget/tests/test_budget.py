"""What every plugin and every job admission must keep, and what this one does; with a budget service of its own."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from invoke_admission_budget import Budget, BudgetConfig, BudgetPlugin
from pydantic import ValidationError

from invoke_host.api import Secret
from invoke_host.testing.contracts import JobAdmissionContract, ManifestContract
from invoke_host.testing.fakes import FakeHost


class Service:
    """A budget service: everybody has a minute left, and a new budget in an hour."""

    def __init__(self):
        self.answer = {"left_s": 60.0, "resets_in_s": 3599.2}
        self.asked = []
        self.status = 200
        self.silent = False

    async def handle(self, request):
        self.asked.append((request.path, request.headers.get("Authorization")))
        if self.silent:
            await asyncio.sleep(60)
        return web.json_response(self.answer, status=self.status)


@pytest.fixture
async def service():
    service = Service()
    app = web.Application()
    app.router.add_get("/budgets/{user}", service.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    service.url = f"http://{host}:{port}"
    yield service
    await runner.cleanup()


class TestManifest(ManifestContract):
    plugin = "budget"


class TestContract(JobAdmissionContract):
    @pytest.fixture
    def make_admission(self, service):
        self.service = service
        return lambda: Budget(BudgetConfig(url=service.url))

    def welcome(self):
        return self.request(engine_s=59.0)

    def unwelcome(self):
        return self.request(engine_s=61.0)

    async def backend_down(self):
        self.service.status = 500

    async def backend_silent(self):
        self.service.silent = True


async def test_the_service_is_asked_about_the_caller_with_the_token(service):
    budget = Budget(BudgetConfig(url=service.url, token=Secret("s3cret")))
    assert await budget.admit(TestContract().request()) is None
    assert service.asked == [("/budgets/alice", "Bearer s3cret")]


async def test_a_refusal_says_how_much_is_left_and_when_there_is_more(service):
    refusal = await Budget(BudgetConfig(url=service.url)).admit(TestContract().request(images=3, engine_s=90.0))
    assert refusal.message == "These 3 images would take about 90 s of device time, and your budget has 60 s left."
    assert refusal.retry_after_s == 3600


async def test_who_will_get_no_budget_any_more_is_told_never(service):
    service.answer = {"left_s": -5.0, "resets_in_s": None}
    refusal = await Budget(BudgetConfig(url=service.url)).admit(TestContract().request())
    assert "has 0 s left" in refusal.message
    assert refusal.retry_after_s is None


async def test_administrators_can_be_left_out(service):
    from dataclasses import replace

    request = TestContract().request(engine_s=1e6)
    admin = replace(request, actor=replace(request.actor, is_admin=True))
    budget = Budget(BudgetConfig(url=service.url, for_administrators=False))
    assert await budget.admit(admin) is None
    assert await budget.admit(request) is not None
    assert len(service.asked) == 1


@pytest.mark.parametrize("answer", [{}, {"left_s": "much", "resets_in_s": 1}, {"left_s": 1, "resets_in_s": -1}, []])
async def test_an_answer_that_is_none_lets_nobody_in(service, answer):
    service.answer = answer
    with pytest.raises(ValidationError):
        await Budget(BudgetConfig(url=service.url)).admit(TestContract().request())


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({}, "url"),
        ({"url": "budget.example.org"}, "url"),
        ({"url": "https://budget.example.org?x=1"}, "url"),
        ({"url": "https://b.example", "timeout_s": 2}, "timeout_s"),
        ({"url": "https://b.example", "timout_s": 1}, "timout_s"),
    ],
)
def test_wrong_options_are_refused(options, complaint):
    with pytest.raises(ValidationError, match=complaint):
        BudgetConfig(**options)


def test_the_plugin_hands_out_its_admission(tmp_path):
    options = BudgetConfig(url="https://budget.example.org")
    (admission,) = BudgetPlugin().invoke_admit_job(FakeHost(tmp_path, {"budget": options}))
    assert admission.name == "budget"
