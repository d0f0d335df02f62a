"""Prints what the account has, as JSON: names by kind of resource, and of each
function the code of each version and the version of each alias.
"""

import json

import botocore.session

session = botocore.session.get_session()


def rows(service, operation, key, **arguments):
    client = session.create_client(service)
    if not client.can_paginate(operation):
        return getattr(client, operation)(**arguments).get(key, [])
    return [row for page in client.get_paginator(operation).paginate(**arguments) for row in page.get(key, [])]


def names(service, operation, key, name=None):
    return sorted(row[name] if name else row for row in rows(service, operation, key))


functions = {
    name: {
        "Versions": {
            v["Version"]: v["CodeSha256"]
            for v in rows("lambda", "list_versions_by_function", "Versions", FunctionName=name)
            if v["Version"] != "$LATEST"
        },
        "Aliases": {
            a["Name"]: a["FunctionVersion"] for a in rows("lambda", "list_aliases", "Aliases", FunctionName=name)
        },
    }
    for name in names("lambda", "list_functions", "Functions", "FunctionName")
}
print(
    json.dumps(
        {
            "Functions": functions,
            "Names": {
                "stack": names("cloudformation", "describe_stacks", "Stacks", "StackName"),
                "function": sorted(functions),
                "event source": names("lambda", "list_event_source_mappings", "EventSourceMappings", "FunctionArn"),
                "API": names("apigatewayv2", "get_apis", "Items", "Name"),
                "table": names("dynamodb", "list_tables", "TableNames"),
                "log group": names("logs", "describe_log_groups", "logGroups", "logGroupName"),
                "role": names("iam", "list_roles", "Roles", "RoleName"),
                "queue": [q.rpartition("/")[2] for q in names("sqs", "list_queues", "QueueUrls")],
                "topic": names("sns", "list_topics", "Topics", "TopicArn"),
                "alarm": names("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
                "dashboard": names("cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"),
            },
        }
    )
)
