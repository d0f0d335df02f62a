"""Deploys a stage of a release, as docs/release.md does with the AWS CLI, to the
account at AWS_ENDPOINT_URL. Prints the outputs of the stack and the CodeSha256 of
each function as JSON.

Usage: deploy_release.py FOLDER STAGE
"""

import json
import pathlib
import sys

import boto3

folder, stage = pathlib.Path(sys.argv[1]), sys.argv[2]
bucket, prefix, name = "releases", "latchkey/", f"Latchkey-{stage}"
s3, cloudformation = boto3.client("s3"), boto3.client("cloudformation")
s3.create_bucket(Bucket=bucket)
for file in (folder / "functions").iterdir():
    s3.upload_file(str(file), bucket, prefix + file.name)
template = json.loads((folder / f"latchkey-{stage}.template.json").read_text())
del template["Outputs"]["ApiUrl"]  # moto creates no HTTP API, and fails at its output
s3.put_object(Bucket=bucket, Key="template.json", Body=json.dumps(template))
cloudformation.create_stack(
    StackName=name,
    TemplateURL=f"https://{bucket}.s3.amazonaws.com/template.json",
    Capabilities=["CAPABILITY_IAM"],
    Parameters=[{"ParameterKey": "CodeBucket", "ParameterValue": bucket}],
)
made = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
functions = boto3.client("lambda").get_paginator("list_functions").paginate()
print(
    json.dumps({
        "Status": made["StackStatus"],
        "Outputs": {o["OutputKey"]: o["OutputValue"] for o in made["Outputs"]},
        "Functions": [f["CodeSha256"] for page in functions for f in page["Functions"]],
    })
)
