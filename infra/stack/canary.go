package stack

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscodedeploy"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/interfaces/interfacesawscloudwatch"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

const liveAlias = "live"

// newCanaries gives each function the alias live, which the routes then call.
// CodeDeploy shifts the alias to a new version: a tenth of the calls for five
// minutes, then all of them. It shifts back if the function crashes or too many
// responses of the API are 5xx.
func newCanaries(stack awscdk.Stack, functions []*function, alarms *alarms) {
	scope := constructs.NewConstruct(stack, jsii.String("Canary"))
	application := awscodedeploy.NewLambdaApplication(scope, jsii.String("Application"), nil)
	role := newDeployRole(scope, stack, functions)
	for _, f := range functions {
		alias := awslambda.NewAlias(f.scope, jsii.String("Live"), &awslambda.AliasProps{
			AliasName: jsii.String(liveAlias), Version: f.lambda.CurrentVersion(),
		})
		f.target = alias
		awscodedeploy.NewLambdaDeploymentGroup(f.scope, jsii.String("Deployment"), &awscodedeploy.LambdaDeploymentGroupProps{
			Application:      application,
			Alias:            alias,
			DeploymentConfig: awscodedeploy.LambdaDeploymentConfig_CANARY_10PERCENT_5MINUTES(),
			Alarms:           &[]interfacesawscloudwatch.IAlarmRef{alarms.crashes[f.Name], alarms.serverErrors},
			AutoRollback: &awscodedeploy.AutoRollbackConfig{
				FailedDeployment: jsii.Bool(true), StoppedDeployment: jsii.Bool(true), DeploymentInAlarm: jsii.Bool(true),
			},
			Role: role,
		})
	}
}

// newDeployRole makes the role of CodeDeploy. CDK would attach a managed policy
// for every function and object of the account; WithoutPolicyUpdates prevents
// that.
func newDeployRole(scope constructs.Construct, stack awscdk.Stack, functions []*function) awsiam.IRole {
	var aliases []*string
	for _, f := range functions {
		aliases = append(aliases, f.lambda.FunctionArn(), jsii.String(*f.lambda.FunctionArn()+":"+liveAlias))
	}
	everyAlarm := stack.FormatArn(&awscdk.ArnComponents{
		Service: jsii.String("cloudwatch"), Resource: jsii.String("alarm"), ResourceName: jsii.String("*"),
		ArnFormat: awscdk.ArnFormat_COLON_RESOURCE_NAME,
	})
	allow := func(resources []*string, actions ...string) awsiam.PolicyStatement {
		return awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{Actions: jsii.Strings(actions...), Resources: &resources})
	}
	role := awsiam.NewRole(scope, jsii.String("Role"), &awsiam.RoleProps{
		AssumedBy: awsiam.NewServicePrincipal(jsii.String("codedeploy.amazonaws.com"), nil),
		InlinePolicies: &map[string]awsiam.PolicyDocument{"Deploy": awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{
			Statements: &[]awsiam.PolicyStatement{
				allow(aliases, "lambda:GetAlias", "lambda:UpdateAlias", "lambda:GetProvisionedConcurrencyConfig"),
				allow([]*string{everyAlarm}, "cloudwatch:DescribeAlarms"),
			},
		})},
	})
	accept(role, "AwsSolutions-IAM5", "CodeDeploy reads its alarms by name, and CloudWatch requires permission on all alarms of the account for that. The role may only read them.")
	return role.WithoutPolicyUpdates(nil)
}
