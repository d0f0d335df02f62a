"""Runs MiniStack and adds what its CloudFormation lacks: identity providers, which
its IAM has, and saved queries of the logs, alarms of metric math and CodeDeploy,
which become placeholders that do nothing.
It ends, and the functions with it, when its standard input is closed.
"""

import os
import re
import signal
import sys
import threading

from ministack import app
from ministack.services import iam
from ministack.services.cloudformation import provisioners


def placeholder(logical_id, properties, stack_name):
    return f"{stack_name}-{logical_id}", {}


def alarm(logical_id, properties, stack_name):
    if properties.get("Metrics"):
        return placeholder(logical_id, properties, stack_name)
    return create_alarm(logical_id, properties, stack_name)


def alarm_update(physical_id, old, new, stack_name, logical_id=None):
    if new.get("Metrics"):
        return placeholder(logical_id, new, stack_name)
    return update_alarm(physical_id, old, new, stack_name, logical_id)


def identity_provider(logical_id, properties, stack_name):
    named = {"Url": properties["Url"]}
    for i, client in enumerate(properties["ClientIdList"], 1):
        named[f"ClientIDList.member.{i}"] = client
    status, _, answer = iam._create_oidc_provider(named)
    if status != 200:
        raise RuntimeError(answer)
    arn = re.search("<OpenIDConnectProviderArn>(.*)</OpenIDConnectProviderArn>", answer.decode()).group(1)
    return arn, {"Arn": arn}


def delete_identity_provider(arn, properties):
    iam._delete_oidc_provider({"OpenIDConnectProviderArn": arn})


handlers = provisioners._RESOURCE_HANDLERS
nothing = {"create": placeholder, "delete": lambda physical_id, properties: None}
handlers["AWS::CodeDeploy::Application"] = handlers["AWS::CodeDeploy::DeploymentGroup"] = nothing
handlers["AWS::Logs::QueryDefinition"] = nothing
handlers["AWS::IAM::OIDCProvider"] = {"create": identity_provider, "delete": delete_identity_provider}
handlers.setdefault("AWS::Scheduler::ScheduleGroup", nothing)
alarms = handlers["AWS::CloudWatch::Alarm"]
create_alarm, update_alarm = alarms["create"], alarms["update"]
handlers["AWS::CloudWatch::Alarm"] = {**alarms, "create": alarm, "update": alarm_update}


def end_with_input():
    sys.stdin.read()
    os.killpg(0, signal.SIGKILL)  # the test gives it a process group of its own


threading.Thread(target=end_with_input, daemon=True).start()
app.main()
