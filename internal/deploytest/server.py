"""Runs moto's server and adds what its CloudFormation lacks for these stacks:
AWS::Lambda::Alias, which permissions refer to, the attributes of
AWS::Lambda::Version, and the deletion policy RetainExceptOnCreate. It also answers
two calls that moto does not know, as in a new account: GetAccountSettings of
Lambda, and GetMetricStatistics of CloudWatch in CBOR, which has no data. It ends
when its standard input is closed.
"""

import json
import os
import sys
import threading

from moto import server
from moto.awslambda import urls as lambda_urls
from moto.awslambda.models import LambdaVersion, lambda_backends
from moto.awslambda.responses import LambdaResponse
from moto.cloudformation.parsing import ResourceMap
from moto.cloudwatch import urls as cloudwatch_urls
from moto.core.common_models import CloudFormationModel
from moto.kms.models import Key


class Alias(CloudFormationModel):
    __module__ = "moto.awslambda.alias"  # moto derives the service of a model from it

    def __init__(self, backend, properties):
        self.backend, self.function, self.name = backend, properties["FunctionName"], properties["Name"]
        alias = backend.create_alias(
            self.name,
            self.function,
            str(properties["FunctionVersion"]),
            properties.get("Description", ""),
            properties.get("RoutingConfig"),
        )
        self.physical_resource_id = alias.arn

    @staticmethod
    def cloudformation_name_type():
        return ""

    @staticmethod
    def cloudformation_type():
        return "AWS::Lambda::Alias"

    @classmethod
    def create_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
        return cls(lambda_backends[account_id][region_name], cloudformation_json["Properties"])

    def delete(self, account_id, region_name):
        if self.function in {f.function_name for f in self.backend.list_functions()}:
            self.backend.delete_alias(self.name, self.function)


LambdaVersion.get_cfn_attribute = lambda version, name: {"Version": version.version}[name]

LambdaResponse.get_account_settings = lambda self: json.dumps({"AccountLimit": {"ConcurrentExecutions": 10}})
lambda_urls.url_paths[r"{0}/(?P<api_version>[^/]+)/account-settings/?$"] = LambdaResponse.dispatch


def no_metrics(request, full_url, headers):
    no_datapoints = b"\xa1\x6aDatapoints\x80"  # a map with an empty list
    return 200, {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}, no_datapoints


cloudwatch_urls.url_paths["{0}/service/GraniteServiceVersion20100801/operation/GetMetricStatistics$"] = no_metrics


def create_key(resource_name, cloudformation_json, *args, create=Key.create_from_cloudformation_json, **kwargs):
    properties = dict(cloudformation_json["Properties"])
    properties["Tags"] = [{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in properties.get("Tags", [])]
    return create(resource_name, {"Properties": properties}, *args, **kwargs)


Key.create_from_cloudformation_json = staticmethod(create_key)


def delete_resources(self, delete=ResourceMap.delete):
    for resource in self._resource_json_map.values():
        if resource.get("DeletionPolicy") == "RetainExceptOnCreate":
            resource["DeletionPolicy"] = "Retain"
    delete(self)


ResourceMap.delete = delete_resources


def end_with_input():
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=end_with_input, daemon=True).start()
server.main()
