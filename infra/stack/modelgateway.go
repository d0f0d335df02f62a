package stack

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/jsii-runtime-go"

	"github.com/latchkey-api/latchkey/infra/stages"
	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/boot"
)

// Settings of the function in front of a model API. It is paid for while it waits
// for the model, by time and memory, so it has less memory than the others. Its
// time is the longest that Lambda allows.
const (
	modelGatewayMemoryMB       = 256
	modelGatewayTimeoutSeconds = 15 * 60
)

// functionsOf returns the functions of the stack.
func (o Options) functionsOf() []api.Function {
	all := api.Functions()
	if o.Upstream != nil {
		all = append(all, api.Function{Name: api.ModelGateway})
	}
	return all
}

// variablesOf returns the environment variables of the function in front of a model
// API.
func variablesOf(stage Stage, u stages.Upstream) map[string]string {
	all := map[string]string{
		boot.EnvUpstream:     u.URL,
		boot.EnvKeyParameter: cmp.Or(u.KeyParameter, "/latchkey/"+stage.Name+"/upstream-key"),
		boot.EnvUpstreamAuth: u.Auth,
		boot.EnvAllow:        strings.Join(u.Allow, ","),
		boot.EnvAllowOrigin:  strings.Join(u.AllowOrigin, ","),
	}
	for name, on := range map[string]bool{boot.EnvClamp: u.Clamp, boot.EnvNoInjectUsage: u.NoInjectUsage} {
		if on {
			all[name] = "true"
		}
	}
	maps.DeleteFunc(all, func(_, value string) bool { return value == "" })
	return all
}

// connectUpstream gives the function in front of a model API its upstream and the
// right to read the upstream's key, and nothing else. A SecureString that is
// encrypted with the AWS managed key needs no right to that key.
// https://docs.aws.amazon.com/kms/latest/developerguide/services-parameter-store.html
func connectUpstream(stack awscdk.Stack, stage Stage, f *function, upstream stages.Upstream) {
	variables := variablesOf(stage, upstream)
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		f.lambda.AddEnvironment(&name, jsii.String(variables[name]), nil)
	}
	f.lambda.AddToRolePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Actions: jsii.Strings("ssm:GetParameter"),
		Resources: &[]*string{stack.FormatArn(&awscdk.ArnComponents{
			Service: jsii.String("ssm"), Resource: jsii.String("parameter"), ResourceName: jsii.String(strings.TrimPrefix(variables[boot.EnvKeyParameter], "/")),
		})},
	}))
}

// offerURL gives the function in front of a model API its function URL, which
// streams. Everybody may call it: the function checks keys itself.
func offerURL(stack awscdk.Stack, functions []*function) {
	for _, f := range functions {
		if f.Name != api.ModelGateway {
			continue
		}
		options := &awslambda.FunctionUrlOptions{
			AuthType: awslambda.FunctionUrlAuthType_NONE, InvokeMode: awslambda.InvokeMode_RESPONSE_STREAM,
		}
		awscdk.NewCfnOutput(stack, jsii.String("GatewayUrl"), &awscdk.CfnOutputProps{
			Value:       f.target.AddFunctionUrl(options).Url(),
			Description: jsii.String("Base URL of the model API behind keys. It streams."),
		})
	}
}
