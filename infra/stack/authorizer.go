package stack

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/jsii-runtime-go"

	"github.com/latchkey-api/latchkey/shared/api"
)

// offerAuthorizer lets every HTTP API of this account and region call the
// authorizer, and adds its ARN to the outputs. API Gateway calls it as
// execute-api:<region>:<account>:<api>/authorizers/<authorizer>.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html
func offerAuthorizer(stack awscdk.Stack, functions []*function) {
	for _, f := range functions {
		if f.Name != api.Authorizer {
			continue
		}
		f.target.AddPermission(jsii.String("Authorizers"), &awslambda.Permission{
			Principal: awsiam.NewServicePrincipal(jsii.String("apigateway.amazonaws.com"), nil),
			SourceArn: stack.FormatArn(&awscdk.ArnComponents{
				Service: jsii.String("execute-api"), Resource: jsii.String("*"), ResourceName: jsii.String("authorizers/*"),
			}),
		})
		awscdk.NewCfnOutput(stack, jsii.String("AuthorizerArn"), &awscdk.CfnOutputProps{
			Value:       f.target.FunctionArn(),
			Description: jsii.String("Lambda authorizer for other HTTP APIs. Attach it with a cache of 0 s."),
		})
	}
}
