package modelgateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/latchkey-api/latchkey/shared/boot"
	"github.com/latchkey-api/latchkey/shared/gateway"
)

// envSSMEndpoint is the URL of an imitation of Systems Manager; empty: AWS.
const envSSMEndpoint = "SSM_ENDPOINT"

// An environment is the configuration of the function.
type environment struct {
	boot.Environment
	upstream     gateway.Upstream
	options      gateway.Options
	keyParameter string
	ssmEndpoint  string
}

// readEnvironment reads the environment variables. The error has one line for each
// wrong variable.
func readEnvironment(getenv func(string) string) (environment, error) {
	var env environment
	var errs [4]error
	env.Environment, errs[0] = boot.ReadEnvironment(getenv)
	env.upstream.URL, errs[1] = readUpstream(getenv(boot.EnvUpstream))
	env.upstream.Auth, errs[2] = readAuth(getenv(boot.EnvUpstreamAuth))
	env.options, errs[3] = readOptions(getenv)
	env.keyParameter, env.ssmEndpoint = getenv(boot.EnvKeyParameter), getenv(envSSMEndpoint)
	return env, errors.Join(errs[:]...)
}

func readUpstream(s string) (*url.URL, error) {
	const want = ": set it to the URL of the model API, such as https://api.openai.com"
	if s == "" {
		return nil, errors.New("environment variable " + boot.EnvUpstream + " is not set" + want)
	}
	u, err := gateway.UpstreamURL(s)
	if err != nil {
		return nil, fmt.Errorf("environment variable %s is not usable, because %w%s", boot.EnvUpstream, err, want)
	}
	return u, nil
}

func readAuth(s string) (gateway.UpstreamAuth, error) {
	auth := gateway.UpstreamAuth(cmp.Or(s, string(gateway.AuthBearer)))
	if !slices.Contains(gateway.UpstreamAuths(), auth) {
		return "", fmt.Errorf("environment variable %s is %q: set it to one of %v", boot.EnvUpstreamAuth, s, gateway.UpstreamAuths())
	}
	return auth, nil
}

// readOptions reads the options of the middleware. Lambda limits a body to 6 MB,
// and a request to less than the default lifetime of a hold.
func readOptions(getenv func(string) string) (o gateway.Options, err error) {
	var errs []error
	for text := range strings.SplitSeq(getenv(boot.EnvAllow), ",") {
		if text == "" {
			continue
		}
		allowed, err := gateway.ParseAllowed(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("environment variable %s: %w", boot.EnvAllow, err))
		}
		o.Allow = append(o.Allow, allowed)
	}
	for text := range strings.SplitSeq(getenv(boot.EnvAllowOrigin), ",") {
		if text == "" {
			continue
		}
		origin, err := gateway.ParseOrigin(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("environment variable %s: %w", boot.EnvAllowOrigin, err))
		}
		o.AllowOrigins = append(o.AllowOrigins, origin)
	}
	for _, flag := range []struct {
		name string
		set  *bool
	}{{boot.EnvClamp, &o.Clamp}, {boot.EnvNoInjectUsage, &o.NoInjectUsage}} {
		if text := getenv(flag.name); text != "" {
			if *flag.set, err = strconv.ParseBool(text); err != nil {
				errs = append(errs, fmt.Errorf("environment variable %s is %q: set it to true or false", flag.name, text))
			}
		}
	}
	return o, errors.Join(errs...)
}

// keyTimeout is how long the function's start waits for the upstream's key.
const keyTimeout = 5 * time.Second

// readKey reads the upstream's key from Parameter Store. It is read once per
// process: a new key is used by processes that start after the change.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html
func (e environment) readKey() (string, error) {
	if e.keyParameter == "" {
		return "", nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), keyTimeout)
	defer cancel()
	options := ssm.Options{Region: e.Region, Credentials: e.Credentials}
	if e.ssmEndpoint != "" {
		options.BaseEndpoint = &e.ssmEndpoint
	}
	out, err := ssm.New(options).GetParameter(ctx, &ssm.GetParameterInput{Name: &e.keyParameter, WithDecryption: aws.Bool(true)})
	if err != nil {
		return "", fmt.Errorf("parameter %s with the upstream's key can't be read (%w): create it as a SecureString with aws ssm put-parameter", e.keyParameter, err)
	}
	key := aws.ToString(out.Parameter.Value)
	if key == "" || strings.ContainsFunc(key, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
		return "", fmt.Errorf("parameter %s is empty or contains spaces or line breaks: set it to the upstream's key alone", e.keyParameter)
	}
	return key, nil
}
