package stack

import (
	"path/filepath"
	"strconv"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/latchkey-api/latchkey/infra/removals"
	"github.com/latchkey-api/latchkey/infra/rights"
	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/boot"
)

const (
	// memoryMB buys processor time, not memory: a function fills some 15 MB.
	// At 512 it has 0.3 of a processor, so that start and TLS handshake take
	// milliseconds; beyond that, it waits for DynamoDB and gains nothing.
	memoryMB = 512
	// timeoutSeconds, of all but purge, is more than a request takes that has to ask DynamoDB
	// again and again (attempts end after 1 s each, and most calls after 3),
	// and far from the 30 s after which API Gateway answers in our place.
	timeoutSeconds = 8
)

// A function is a Lambda function with what belongs to it.
type function struct {
	api.Function
	scope  constructs.Construct
	lambda awslambda.Function
	target awslambda.IFunction // what routes lead to: the function, or its alias
}

func newFunctions(stack awscdk.Stack, stage Stage, build string, table awsdynamodb.ITable) []*function {
	var all []*function
	for _, f := range api.Functions() {
		all = append(all, newFunction(stack, f, stage, build, table))
	}
	return all
}

func newFunction(stack awscdk.Stack, f api.Function, stage Stage, build string, table awsdynamodb.ITable) *function {
	scope := constructs.NewConstruct(stack, jsii.String(f.Name))
	logs := newLogGroup(scope, stage)
	lambda := awslambda.NewFunction(scope, jsii.String("Function"), &awslambda.FunctionProps{
		Description:  jsii.String("Latchkey " + stage.Name + ": " + servedBy(f)),
		Runtime:      awslambda.Runtime_PROVIDED_AL2023(),
		Architecture: awslambda.Architecture_ARM_64(), // a fifth cheaper
		Handler:      jsii.String("bootstrap"),
		Code:         awslambda.Code_FromAsset(jsii.String(filepath.Join(build, f.Name)), nil),
		MemorySize:   jsii.Number(memoryMB),
		Timeout:      timeout(f),
		Environment: &map[string]*string{
			boot.EnvTable:     table.TableName(),
			boot.EnvRetention: jsii.String(strconv.Itoa(stage.TokenRetentionDays)),
			boot.EnvLogLevel:  jsii.String("info"),
		},
		Role:          newRole(scope, f, table, logs),
		LogGroup:      logs,
		LoggingFormat: awslambda.LoggingFormat_JSON,
		// Lambda's own lines of a call that went well would cost as much as
		// ours and say less.
		SystemLogLevelV2:             awslambda.SystemLogLevel_WARN,
		Tracing:                      awslambda.Tracing_ACTIVE,
		ReservedConcurrentExecutions: orNone(stage.ReservedConcurrency),
		// Old versions stay, so that a roll-back is to point at one.
		CurrentVersionOptions: &awslambda.VersionOptions{RemovalPolicy: awscdk.RemovalPolicy_RETAIN},
	})
	// CDK stages assets under names that are hashes: this tells whoever reads
	// the template which function it is.
	resource := lambda.Node().DefaultChild().(awscdk.CfnResource)
	resource.AddMetadata(jsii.String("aws:asset:path"), "build/"+f.Name)
	return &function{f, scope, lambda, lambda}
}

// servedBy says what a function is for, to whoever reads a list of functions.
func servedBy(f api.Function) string {
	switch f.Name {
	case api.Authorizer:
		return "Lambda authorizer for other HTTP APIs"
	case api.Purge:
		return "counts the tokens that TTL removes"
	default:
		return strings.Join(f.RouteKeys, ", ")
	}
}

func timeout(f api.Function) awscdk.Duration {
	if f.Name == api.Purge {
		return awscdk.Duration_Seconds(jsii.Number(removals.Timeout.Seconds()))
	}
	return awscdk.Duration_Seconds(jsii.Number(timeoutSeconds))
}

// newRole may do what its function does to this table, write its log, and
// trace. CDK's default role may write every log of the account.
func newRole(scope constructs.Construct, f api.Function, table awsdynamodb.ITable, logs awslogs.LogGroup) awsiam.Role {
	role := awsiam.NewRole(scope, jsii.String("Role"), &awsiam.RoleProps{
		AssumedBy: awsiam.NewServicePrincipal(jsii.String("lambda.amazonaws.com"), nil),
	})
	allow := func(resource *string, actions ...string) {
		role.AddToPolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
			Actions: jsii.Strings(actions...), Resources: &[]*string{resource},
		}))
	}
	if actions := rights.Of(f); len(actions) > 0 { // the console has no table
		allow(table.TableArn(), actions...)
	}
	allow(logs.LogGroupArn(), "logs:CreateLogStream", "logs:PutLogEvents")
	// With Tracing_ACTIVE, CDK itself adds the two actions of X-Ray.
	policy := role.Node().FindChild(jsii.String("DefaultPolicy"))
	accept(policy, "AwsSolutions-IAM5", "The X-Ray actions PutTraceSegments and PutTelemetryRecords know no resources but *.", "Resource::*")
	return role
}

func newLogGroup(scope constructs.Construct, stage Stage) awslogs.LogGroup {
	return awslogs.NewLogGroup(scope, jsii.String("Logs"), &awslogs.LogGroupProps{
		Retention:     stage.LogRetention,
		RemovalPolicy: stage.removal(),
	})
}
