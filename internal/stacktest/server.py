"""Runs MiniStack and adds what its CloudFormation lacks: saved queries of the
logs and, for staging and prod, alarms of metric math, and CodeDeploy. They become
placeholders that do nothing.
It ends, and the functions with it, when its standard input is closed.
"""

import os
import signal
import sys
import threading

from ministack import app
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


handlers = provisioners._RESOURCE_HANDLERS
nothing = {"create": placeholder, "delete": lambda physical_id, properties: None}
handlers["AWS::CodeDeploy::Application"] = handlers["AWS::CodeDeploy::DeploymentGroup"] = nothing
handlers["AWS::Logs::QueryDefinition"] = nothing
handlers.setdefault("AWS::Scheduler::ScheduleGroup", nothing)
alarms = handlers["AWS::CloudWatch::Alarm"]
create_alarm, update_alarm = alarms["create"], alarms["update"]
handlers["AWS::CloudWatch::Alarm"] = {**alarms, "create": alarm, "update": alarm_update}


def end_with_input():
    sys.stdin.read()
    os.killpg(0, signal.SIGKILL)  # the test gives it a process group of its own


threading.Thread(target=end_with_input, daemon=True).start()
app.main()
