package modelgateway

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/latchkey-api/latchkey/shared/boot"
)

// envSSMEndpoint is the URL of an imitation of Systems Manager; empty: AWS.
const envSSMEndpoint = "SSM_ENDPOINT"

// An environment is the configuration of the function.
type environment struct {
	boot.Environment
	upstream     *url.URL
	keyParameter string
	ssmEndpoint  string
}

// readEnvironment reads the environment variables. The error has one line for each
// wrong variable.
func readEnvironment(getenv func(string) string) (environment, error) {
	var env environment
	var errs [2]error
	env.Environment, errs[0] = boot.ReadEnvironment(getenv)
	env.upstream, errs[1] = readUpstream(getenv(boot.EnvUpstream))
	env.keyParameter, env.ssmEndpoint = getenv(boot.EnvKeyParameter), getenv(envSSMEndpoint)
	return env, errors.Join(errs[:]...)
}

func readUpstream(s string) (*url.URL, error) {
	const want = ": set it to the URL of the model API, such as https://api.openai.com"
	if s == "" {
		return nil, errors.New("environment variable " + boot.EnvUpstream + " is not set" + want)
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("environment variable " + boot.EnvUpstream + " is not a URL without user, query and fragment" + want) // without the value, which may hold a password
	}
	return u, nil
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
