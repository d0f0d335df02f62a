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

	"github.com/latchkey-api/latchkey/infra/eventsource"
	"github.com/latchkey-api/latchkey/infra/rights"
	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/boot"
)

const (
	// memoryMB is chosen for the processor time that comes with it: a function
	// uses about 15 MB. With 512 it gets 0.3 of a processor, so that its start
	// and the TLS handshake take milliseconds. More would not help, because it
	// then waits for DynamoDB.
	memoryMB = 512
	// timeoutSeconds applies to all functions that answer requests except gateway. It is enough for a
	// request that repeats calls to DynamoDB (an attempt ends after 1 s, most
	// calls after 3), and well below the 30 s after which API Gateway itself
	// responds.
	timeoutSeconds = 8
)

// A function is a Lambda function and its scope in the stack.
type function struct {
	api.Function
	scope  constructs.Construct
	lambda awslambda.Function
	logs   awslogs.LogGroup
	target awslambda.Alias // what everything that calls the function calls
}

func newFunctions(stack awscdk.Stack, stage Stage, options Options, table awsdynamodb.ITable) []*function {
	var all []*function
	for _, f := range options.functionsOf() {
		made := newFunction(stack, f, stage, options, table)
		if f.Name == api.ModelGateway {
			connectUpstream(stack, stage, made, *options.Upstream)
		}
		made.target = newAlias(made)
		all = append(all, made)
	}
	return all
}

func newFunction(stack awscdk.Stack, f api.Function, stage Stage, options Options, table awsdynamodb.ITable) *function {
	scope := constructs.NewConstruct(stack, jsii.String(f.Name))
	logs := newLogGroup(scope, stage)
	lambda := awslambda.NewFunction(scope, jsii.String("Function"), &awslambda.FunctionProps{
		Description:  jsii.String("Latchkey " + stage.Name + ": " + purposeOf(f)),
		Runtime:      awslambda.Runtime_PROVIDED_AL2023(),
		Architecture: awslambda.Architecture_ARM_64(), // a fifth cheaper
		Handler:      jsii.String("bootstrap"),
		Code:         awslambda.Code_FromAsset(jsii.String(filepath.Join(options.Build, f.Name)), nil),
		MemorySize:   memory(f),
		Timeout:      timeout(f),
		Environment: &map[string]*string{
			boot.EnvTable:     table.TableName(),
			boot.EnvRetention: jsii.String(strconv.Itoa(stage.TokenRetentionDays)),
			boot.EnvLogLevel:  jsii.String("info"),
			boot.EnvForeign:   jsii.String(strconv.FormatBool(options.ForeignKeys)),
			boot.EnvNoUses:    jsii.String(strconv.FormatBool(options.NoUseRecords)),
			boot.EnvMetrics:   stage.metrics(),
			boot.EnvBasePath:  &options.BasePath,
		},
		Role:          newRole(scope, f, options, table, logs),
		LogGroup:      logs,
		LoggingFormat: awslambda.LoggingFormat_JSON,
		// Lambda's own lines about a successful call would cost as much as
		// ours and contain less.
		SystemLogLevelV2:             awslambda.SystemLogLevel_WARN,
		ReservedConcurrentExecutions: orNone(stage.ReservedConcurrency),
		// Old versions stay, so that a rollback only moves the alias.
		CurrentVersionOptions: &awslambda.VersionOptions{RemovalPolicy: awscdk.RemovalPolicy_RETAIN_ON_UPDATE_OR_DELETE},
	})
	// CDK stages assets under names that are hashes. This shows in the template
	// which function it is.
	resource := lambda.Node().DefaultChild().(awscdk.CfnResource)
	resource.AddMetadata(jsii.String("aws:asset:path"), "build/"+f.Name)
	return &function{Function: f, scope: scope, lambda: lambda, logs: logs}
}

// purposeOf completes the description of a function in AWS.
func purposeOf(f api.Function) string {
	switch f.Name {
	case api.Authorizer:
		return "Lambda authorizer for other HTTP APIs"
	case api.Purge:
		return "counts tokens that TTL removes"
	case api.History:
		return "adds up the history of tokens and publishes events"
	case api.Deliver:
		return "sends events to webhooks"
	case api.UsageHistory:
		return "reads what tokens were used for" // its route keys are too long for a description
	case api.ModelGateway:
		return "checks and charges requests to a model API"
	default:
		return strings.Join(f.RouteKeys, ", ")
	}
}

func memory(f api.Function) *float64 {
	if f.Name == api.ModelGateway {
		return jsii.Number(modelGatewayMemoryMB)
	}
	return jsii.Number(memoryMB)
}

func timeout(f api.Function) awscdk.Duration {
	seconds := float64(timeoutSeconds)
	for _, source := range eventsource.Sources() {
		if f.Name == source.Function {
			seconds = source.Timeout.Seconds()
		}
	}
	switch f.Name {
	case api.Deliver:
		seconds = eventsource.WebhooksTimeout.Seconds()
	case api.ModelGateway:
		seconds = modelGatewayTimeoutSeconds
	}
	return awscdk.Duration_Seconds(&seconds)
}

// newRole makes the role of a function: it allows each of the function's actions on
// the partitions of this table on which the function uses it, and writing to its own
// log. CDK's default role allows writing to every log of the account.
func newRole(scope constructs.Construct, f api.Function, options Options, table awsdynamodb.ITable, logs awslogs.LogGroup) awsiam.Role {
	role := awsiam.NewRole(scope, jsii.String("Role"), &awsiam.RoleProps{
		AssumedBy: awsiam.NewServicePrincipal(jsii.String("lambda.amazonaws.com"), nil),
	})
	for _, s := range rights.Of(f, options.ForeignKeys) {
		role.AddToPolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
			Actions: jsii.Strings(s.Actions...), Resources: &[]*string{table.TableArn()},
			Conditions: &map[string]any{"ForAllValues:StringLike": map[string]any{"dynamodb:LeadingKeys": s.Partitions}},
		}))
	}
	role.AddToPolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Actions: jsii.Strings("logs:CreateLogStream", "logs:PutLogEvents"), Resources: &[]*string{logs.LogGroupArn()},
	}))
	return role
}

func newLogGroup(scope constructs.Construct, stage Stage) awslogs.LogGroup {
	return awslogs.NewLogGroup(scope, jsii.String("Logs"), &awslogs.LogGroupProps{
		Retention:     stage.LogRetention,
		RemovalPolicy: stage.removal(),
	})
}
