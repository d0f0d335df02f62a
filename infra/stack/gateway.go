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

// accessLog is a line of the access log. No header and no path stands in it:
// the one holds access tokens, the other is a caller's own text. The request
// id is that of the function's line and of the answer.
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

// A gateway is the HTTP API with its access log. Its only stage is $default,
// whose URL has no stage in the path.
type gateway struct {
	api  awsapigatewayv2.HttpApi
	logs awslogs.LogGroup
}

// newGateway has no CORS: the console is of the API's own origin, and a page
// of any other may not call it.
func newGateway(stack awscdk.Stack, stage Stage) gateway {
	scope := constructs.NewConstruct(stack, jsii.String("Gateway"))
	httpAPI := awsapigatewayv2.NewHttpApi(scope, jsii.String("Api"), &awsapigatewayv2.HttpApiProps{
		ApiName:            stack.StackName(),
		CreateDefaultStage: jsii.Bool(false), // it would be one without throttle and log
	})
	logs := newLogGroup(scope, stage)
	awsapigatewayv2.NewCfnStage(scope, jsii.String("Stage"), &awsapigatewayv2.CfnStageProps{
		ApiId:      httpAPI.ApiId(),
		StageName:  jsii.String("$default"),
		AutoDeploy: jsii.Bool(true),
		DefaultRouteSettings: &awsapigatewayv2.CfnStage_RouteSettingsProperty{
			ThrottlingRateLimit:    &stage.RequestsPerSecond,
			ThrottlingBurstLimit:   &stage.Burst,
			DetailedMetricsEnabled: jsii.Bool(true),
		},
		AccessLogSettings: &awsapigatewayv2.CfnStage_AccessLogSettingsProperty{
			DestinationArn: logs.LogGroupArn(),
			Format:         jsii.String(accessLog),
		},
	})
	return gateway{httpAPI, logs}
}

// route leads the route keys to their functions.
func (g gateway) route(functions []*function) {
	for _, f := range functions {
		if len(f.RouteKeys) == 0 {
			continue // an integration that no route has would be one more thing to wonder at
		}
		integration := awsapigatewayv2integrations.NewHttpLambdaIntegration(jsii.String("Integration"), f.target,
			&awsapigatewayv2integrations.HttpLambdaIntegrationProps{PayloadFormatVersion: awsapigatewayv2.PayloadFormatVersion_VERSION_2_0()})
		for _, key := range f.RouteKeys {
			route := awsapigatewayv2.NewHttpRoute(f.scope, &key, &awsapigatewayv2.HttpRouteProps{
				HttpApi: g.api, RouteKey: routeKey(key), Integration: integration,
			})
			accept(route, "AwsSolutions-APIG4", whyNoAuthorizer(f))
		}
	}
}

func whyNoAuthorizer(f *function) string {
	if f.Name == api.Console {
		return "Its pages are public, and hold nothing of anybody's."
	}
	return "The function authenticates: an authorizer's cache would let in what was revoked, and its refusal has no envelope."
}

func routeKey(key string) awsapigatewayv2.HttpRouteKey {
	method, path, ok := strings.Cut(key, " ")
	if !ok {
		return awsapigatewayv2.HttpRouteKey_DEFAULT()
	}
	return awsapigatewayv2.HttpRouteKey_With(&path, awsapigatewayv2.HttpMethod(method))
}
