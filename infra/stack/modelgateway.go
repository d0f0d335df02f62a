package stack

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/jsii-runtime-go"

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

// UpstreamContext returns the environment variables of the function gateway by the
// names with which `cdk -c name=value` sets them.
func UpstreamContext() map[string]string {
	return map[string]string{
		"upstreamAuth": boot.EnvUpstreamAuth, "allow": boot.EnvAllow, "allowOrigin": boot.EnvAllowOrigin,
		"clamp": boot.EnvClamp, "noInjectUsage": boot.EnvNoInjectUsage,
	}
}

// checkUpstream checks the options for the function in front of a model API.
func (o Options) checkUpstream() error {
	if o.Upstream == "" {
		if o.UpstreamKey != "" || len(o.UpstreamSettings) > 0 {
			return errors.New("settings of the upstream are given but upstream is not: set it, too")
		}
		return nil
	}
	u, err := url.Parse(o.Upstream)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("upstream is not an https URL without user, query and fragment: set it to the URL of a model API, such as https://api.openai.com") // without the URL, which may hold a password
	}
	if name := o.UpstreamKey; name != "" && !regexp.MustCompile(`^/[a-zA-Z0-9_.-]+(/[a-zA-Z0-9_.-]+){0,14}$`).MatchString(name) {
		return fmt.Errorf("upstreamKeyParameter %q is not the name of a parameter: set it to one such as /latchkey/dev/upstream-key", name)
	}
	return nil
}

// functionsOf returns the functions of the stack.
func (o Options) functionsOf() []api.Function {
	all := api.Functions()
	if o.Upstream != "" {
		all = append(all, api.Function{Name: api.ModelGateway})
	}
	return all
}

// keyParameter returns the name of the parameter with the upstream's key.
func (o Options) keyParameter(stage Stage) string {
	if o.UpstreamKey != "" {
		return o.UpstreamKey
	}
	return "/latchkey/" + stage.Name + "/upstream-key"
}

// connectUpstream gives the function in front of a model API its upstream and the
// right to read the upstream's key, and nothing else. A SecureString that is
// encrypted with the AWS managed key needs no right to that key.
// https://docs.aws.amazon.com/kms/latest/developerguide/services-parameter-store.html
func connectUpstream(stack awscdk.Stack, stage Stage, f *function, options Options) {
	parameter := options.keyParameter(stage)
	f.lambda.AddEnvironment(jsii.String(boot.EnvUpstream), &options.Upstream, nil)
	f.lambda.AddEnvironment(jsii.String(boot.EnvKeyParameter), &parameter, nil)
	for _, name := range slices.Sorted(maps.Keys(options.UpstreamSettings)) {
		f.lambda.AddEnvironment(&name, jsii.String(options.UpstreamSettings[name]), nil)
	}
	f.lambda.AddToRolePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Actions: jsii.Strings("ssm:GetParameter"),
		Resources: &[]*string{stack.FormatArn(&awscdk.ArnComponents{
			Service: jsii.String("ssm"), Resource: jsii.String("parameter"), ResourceName: jsii.String(strings.TrimPrefix(parameter, "/")),
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
