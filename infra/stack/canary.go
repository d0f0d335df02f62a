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

// newAlias makes the alias live of a function, in every stage: what routes and
// other services call never changes, whichever way a stage deploys new versions.
func newAlias(f *function) awslambda.Alias {
	return awslambda.NewAlias(f.scope, jsii.String("Live"), &awslambda.AliasProps{
		AliasName: jsii.String(liveAlias), Version: f.lambda.CurrentVersion(),
	})
}

// updateFirst makes each update of the stack shift the alias of one function before the
// others: that of the function that reads what the others write. A new version of it
// understands what old versions of them have written, but not the other way round.
func updateFirst(first *function, functions []*function) {
	resource := func(f *function) awscdk.CfnResource { return f.target.Node().DefaultChild().(awscdk.CfnResource) } //nolint:forcetypeassert // an alias is a resource
	for _, f := range functions {
		if f != first {
			resource(f).AddDependency(resource(first))
		}
	}
}

// newDeployments lets CodeDeploy shift the aliases to new versions. With a canary,
// a new version gets a tenth of the calls for five minutes, then all of them, and
// CodeDeploy shifts back if an alarm of the function fires. Without one, it gets all
// calls at once and CodeDeploy ignores the alarms, so that a fix can be deployed
// while an alarm is on.
func newDeployments(stack awscdk.Stack, functions []*function, alarms *alarms, canary bool) {
	scope := constructs.NewConstruct(stack, jsii.String("Canary"))
	application := awscodedeploy.NewLambdaApplication(scope, jsii.String("Application"), nil)
	role := newDeployRole(scope, stack, functions)
	config := awscodedeploy.LambdaDeploymentConfig_ALL_AT_ONCE()
	if canary {
		config = awscodedeploy.LambdaDeploymentConfig_CANARY_10PERCENT_5MINUTES()
	}
	for _, f := range functions {
		awscodedeploy.NewLambdaDeploymentGroup(f.scope, jsii.String("Deployment"), &awscodedeploy.LambdaDeploymentGroupProps{
			Application:              application,
			Alias:                    f.target,
			DeploymentConfig:         config,
			Alarms:                   alarms.of(f),
			IgnoreAlarmConfiguration: jsii.Bool(!canary),
			AutoRollback: &awscodedeploy.AutoRollbackConfig{
				FailedDeployment: jsii.Bool(true), StoppedDeployment: jsii.Bool(true), DeploymentInAlarm: &canary,
			},
			Role: role,
		})
	}
}

// of returns the alarms that stop the deployment of a function: on its own
// failures, and on those of the API.
func (a *alarms) of(f *function) *[]interfacesawscloudwatch.IAlarmRef {
	all := []interfacesawscloudwatch.IAlarmRef{a.serverErrors}
	for _, alarm := range a.own[f.Name] {
		all = append(all, alarm)
	}
	return &all
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
