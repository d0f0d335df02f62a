package stack

import (
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2integrations"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/latchkey-api/latchkey/shared/api"
)

// accessLog is the format of the access log. It contains no headers, which
// carry access tokens, and no paths, which callers choose freely. The request
// ID is the same as in the function's log line and in the response.
const accessLog = `{` +
	`"requestId":"$context.requestId",` +
	`"ip":"$context.identity.sourceIp",` +
	`"method":"$context.httpMethod",` +
	`"routeKey":"$context.routeKey",` +
	`"status":"$context.status",` +
	`"latencyMs":"$context.responseLatency",` +
	`"integrationLatencyMs":"$context.integrationLatency",` +
	`"integrationError":"$context.integrationErrorMessage",` +
	`"error":"$context.error.message"}`

// A gateway is the HTTP API and its access log. Its only stage is $default,
// which adds nothing to the path.
type gateway struct {
	api   awsapigatewayv2.HttpApi
	stage awsapigatewayv2.CfnStage
	logs  awslogs.LogGroup
}

// newGateway makes the HTTP API without CORS. The console has the same origin
// as the API, and pages of other origins may not call it.
func newGateway(stack awscdk.Stack, stage Stage, options Options) gateway {
	scope := constructs.NewConstruct(stack, jsii.String("Gateway"))
	httpAPI := awsapigatewayv2.NewHttpApi(scope, jsii.String("Api"), &awsapigatewayv2.HttpApiProps{
		ApiName:            stack.StackName(),
		CreateDefaultStage: jsii.Bool(false), // the default stage would have no throttling and no log
		// Without the API's own URL, only the domain answers.
		DisableExecuteApiEndpoint: jsii.Bool(options.ExecuteAPI != nil && !*options.ExecuteAPI),
	})
	logs := newLogGroup(scope, stage)
	only := awsapigatewayv2.NewCfnStage(scope, jsii.String("Stage"), &awsapigatewayv2.CfnStageProps{
		ApiId:      httpAPI.ApiId(),
		StageName:  jsii.String("$default"),
		AutoDeploy: jsii.Bool(true),
		DefaultRouteSettings: &awsapigatewayv2.CfnStage_RouteSettingsProperty{
			ThrottlingRateLimit:  &stage.Management.RequestsPerSecond,
			ThrottlingBurstLimit: &stage.Management.Burst,
			// Metrics of each route are paid for, and the access log has the same.
			DetailedMetricsEnabled: jsii.Bool(false),
		},
		RouteSettings: routeSettings(stage, options.functionsOf()),
		AccessLogSettings: &awsapigatewayv2.CfnStage_AccessLogSettingsProperty{
			DestinationArn: logs.LogGroupArn(),
			Format:         jsii.String(accessLog),
		},
	})
	return gateway{httpAPI, only, logs}
}

// route adds a route from each route key to its function.
func (g gateway) route(functions []*function) {
	for _, f := range functions {
		if len(f.RouteKeys) == 0 {
			continue // no route would use the integration
		}
		integration := awsapigatewayv2integrations.NewHttpLambdaIntegration(jsii.String("Integration"), f.target,
			&awsapigatewayv2integrations.HttpLambdaIntegrationProps{
				PayloadFormatVersion: awsapigatewayv2.PayloadFormatVersion_VERSION_2_0(),
				// One permission for all routes of a function, because a stack has at most 500 resources. That
				// permission does not cover $default, which is no path.
				ScopePermissionToRoute: jsii.Bool(f.Name == api.Fallback),
			})
		for _, key := range f.RouteKeys {
			route := awsapigatewayv2.NewHttpRoute(f.scope, &key, &awsapigatewayv2.HttpRouteProps{
				HttpApi: g.api, RouteKey: routeKey(key), Integration: integration,
			})
			accept(route, "AwsSolutions-APIG4", whyNoAuthorizer(f))
			if hasLimits(f.Function) {
				g.stage.AddResourceDependency(route.Node().DefaultChild().(awscdk.CfnResource), nil) // the stage names it
			}
		}
	}
}

func whyNoAuthorizer(f *function) string {
	if f.Name == api.Console {
		return "The pages are public and contain no data."
	}
	return "The function authenticates. The cache of an authorizer would accept revoked access tokens, and its refusal would not have the envelope of the API."
}

func routeKey(key string) awsapigatewayv2.HttpRouteKey {
	method, path, ok := strings.Cut(key, " ")
	if !ok {
		return awsapigatewayv2.HttpRouteKey_DEFAULT()
	}
	return awsapigatewayv2.HttpRouteKey_With(&path, awsapigatewayv2.HttpMethod(method))
}
