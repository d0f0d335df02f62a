"""Runs moto's server and adds what its CloudFormation lacks for a stack with
aliases: AWS::Lambda::Alias, which permissions refer to, and the attributes of
AWS::Lambda::Version. It ends when its standard input is closed.
"""

import os
import sys
import threading

from moto import server
from moto.awslambda.models import LambdaVersion, lambda_backends
from moto.core.common_models import CloudFormationModel


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


def end_with_input():
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=end_with_input, daemon=True).start()
server.main()
