"""Prints the contents of the account at AWS_ENDPOINT_URL as JSON. The test
checks them.
"""

import ast
import base64
import hashlib
import io
import json
import zipfile

import boto3


def rows(service, call, field, **arguments):
    """All rows of a paged call."""
    pages = boto3.client(service).get_paginator(call).paginate(**arguments)
    return [row for page in pages for row in page[field]]


def resources(stack):
    """Physical IDs by logical ID; empty if moto has none."""
    made = boto3.client("cloudformation").describe_stack_resources(StackName=stack)["StackResources"]
    return {r["LogicalResourceId"]: r.get("PhysicalResourceId", "") for r in made if "LogicalResourceId" in r}


def function(configuration):
    name = configuration["FunctionName"]
    aliases = boto3.client("lambda").list_aliases(FunctionName=name)["Aliases"]
    return configuration | {"Aliases": {a["Name"]: a["FunctionVersion"] for a in aliases}}


def role(name):
    iam = boto3.client("iam")
    inline = iam.list_role_policies(RoleName=name)["PolicyNames"]
    return {
        "Trust": iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"],
        "Managed": [p["PolicyArn"] for p in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]],
        "Inline": [document(iam.get_role_policy(RoleName=name, PolicyName=p)["PolicyDocument"]) for p in inline],
    }


def document(policy):
    """moto returns a policy inside a role in Python's notation."""
    return ast.literal_eval(policy) if isinstance(policy, str) else policy


def assets():
    """SHA-256 of each asset's bootstrap, by the SHA-256 of the asset as Lambda writes it."""
    s3 = boto3.client("s3")
    found = {}
    for bucket in s3.list_buckets()["Buckets"]:
        for entry in s3.list_objects_v2(Bucket=bucket["Name"]).get("Contents", []):
            if entry["Key"].endswith(".zip"):
                content = s3.get_object(Bucket=bucket["Name"], Key=entry["Key"])["Body"].read()
                code = base64.b64encode(hashlib.sha256(content).digest()).decode()
                with zipfile.ZipFile(io.BytesIO(content)) as archive:
                    found[code] = hashlib.sha256(archive.read("bootstrap")).hexdigest()
    return found


stacks = boto3.client("cloudformation").describe_stacks()["Stacks"]
dynamodb = boto3.client("dynamodb")
print(
    json.dumps(
        {
            "Stacks": {
                s["StackName"]: {"Status": s["StackStatus"], "Resources": resources(s["StackName"])} for s in stacks
            },
            "Functions": {f["FunctionName"]: function(f) for f in rows("lambda", "list_functions", "Functions")},
            "Roles": {r["RoleName"]: role(r["RoleName"]) for r in rows("iam", "list_roles", "Roles")},
            "Tables": {t: dynamodb.describe_table(TableName=t)["Table"] for t in dynamodb.list_tables()["TableNames"]},
            "LogGroups": [g["logGroupName"] for g in rows("logs", "describe_log_groups", "logGroups")],
            "Topics": [t["TopicArn"] for t in rows("sns", "list_topics", "Topics")],
            "Queues": [u.rpartition("/")[2] for u in boto3.client("sqs").list_queues().get("QueueUrls", [])],
            "Sources": rows("lambda", "list_event_source_mappings", "EventSourceMappings"),
            "Assets": assets(),
        },
        default=str,
    )
)
