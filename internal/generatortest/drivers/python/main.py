"""Uses the client that openapi-python-client generates."""
import os

from latchkey import AuthenticatedClient
from latchkey.api.keys import verify
from latchkey.api.tokens import create, delete, get, list_, update
from latchkey.models import Code, Failure, NewTokenAnswer, NothingAnswer, TokenAnswer, TokenInput, TokenPageAnswer, UpdateInput, VerdictAnswer, VerifyInput
from latchkey.models.verdict_code import VerdictCode

MOST = 2**53 - 1  # the largest integer of the API
URL = os.environ["URL"]


def want(kind, answer):
    assert isinstance(answer, kind), f"got {type(answer).__name__} {getattr(answer, 'message', '')}, want {kind.__name__}"
    return answer


def main(client):
    made = want(NewTokenAnswer, create.sync(client=client, body=TokenInput(
        name="production-app", remain_quota=5000, model_limits_enabled=True, models=["gpt-4o"]))).data
    assert made.key.startswith("sk-") and made.remain_quota == 5000 and made.models == ["gpt-4o"]

    page = want(TokenPageAnswer, list_.sync(client=client, ps=20)).data
    assert page.page_size == 20 and page.items[0].id == made.id, page.page_size

    shown = want(TokenAnswer, get.sync(made.id, client=client)).data
    assert shown.key != made.key and shown.name == "production-app" and shown.expired_time == -1, shown.name

    changed = want(TokenAnswer, update.sync(client=client, body=UpdateInput(id=made.id, name="renamed", remain_quota=MOST))).data
    assert changed.name == "renamed" and changed.remain_quota == MOST, changed.remain_quota

    with AuthenticatedClient(base_url=URL, token=made.key) as key:
        verdict = want(VerdictAnswer, verify.sync(client=key, body=VerifyInput(model="gpt-4o", quota=7))).data
        assert verdict.valid and verdict.remain_quota == MOST - 7, verdict.remain_quota
        verdict = want(VerdictAnswer, verify.sync(client=key, body=VerifyInput(model="o9"))).data
        assert not verdict.valid and verdict.code == VerdictCode.MODEL_NOT_ALLOWED, verdict.code

    failure = want(Failure, create.sync(client=client, body=TokenInput(name="late", expired_time=1)))
    assert failure.code == Code.INVALID_PARAMETER and failure.message.startswith("expired_time is in the past"), failure.message

    want(NothingAnswer, delete.sync(made.id, client=client))
    assert want(Failure, get.sync(made.id, client=client)).code == Code.TOKEN_NOT_FOUND


with AuthenticatedClient(base_url=URL, token=os.environ["ACCESS_TOKEN"]) as access:
    main(access)
