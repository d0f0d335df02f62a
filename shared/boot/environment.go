package boot

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/latchkey-api/latchkey/shared/dynamo"
)

// The environment variables that a function reads. Lambda itself sets those
// that begin with AWS_.
const (
	EnvTable     = "TABLE_NAME"        // required
	EnvEndpoint  = "DYNAMODB_ENDPOINT" // the URL of a local engine; empty: AWS
	EnvRetention = "RETENTION_DAYS"    // how many days expired tokens are kept; empty: dynamo.DefaultRetention
	EnvLogLevel  = "LOG_LEVEL"         // debug, info, warn or error; empty: info
	EnvForeign   = "FOREIGN_KEYS"      // true accepts keys that another system has issued; empty: false

	// These are of the function gateway alone; see modelgateway.
	EnvUpstream      = "UPSTREAM_URL"           // the URL of the model API; required
	EnvKeyParameter  = "UPSTREAM_KEY_PARAMETER" // the name of the parameter with its key; empty: no key is sent
	EnvUpstreamAuth  = "UPSTREAM_AUTH"          // the header for that key: bearer, x-api-key, api-key or x-goog-api-key; empty: bearer
	EnvAllow         = "ALLOW"                  // further methods and paths, separated by commas; see gateway.ParseAllowed
	EnvAllowOrigin   = "ALLOW_ORIGIN"           // origins of pages that may call it, separated by commas
	EnvClamp         = "CLAMP"                  // true lowers limits of output tokens to what the balance pays for
	EnvNoInjectUsage = "NO_INJECT_USAGE"        // true does not ask the upstream for the usage of streams

	envRuntime = "AWS_LAMBDA_RUNTIME_API"
	envRegion  = "AWS_REGION"
	envKeyID   = "AWS_ACCESS_KEY_ID"
	envSecret  = "AWS_SECRET_ACCESS_KEY" //nolint:gosec // a name, not a secret
	envSession = "AWS_SESSION_TOKEN"
)

// maxRetentionDays is a century. A time.Duration holds at most 292 years.
const maxRetentionDays = 36_500

// An Environment is the configuration of a function.
type Environment struct {
	Table       string
	Region      string
	Endpoint    string // empty: AWS
	Credentials aws.CredentialsProvider
	Retention   time.Duration
	LogLevel    slog.Level
	ForeignKeys bool
}

// ReadEnvironment reads the environment variables. An empty variable counts as
// not set. The error has one line for each wrong variable: its name, and what
// to do.
//
// Lambda puts the credentials into the environment and starts a new process to
// renew them. So ReadEnvironment reads them there and leaves out the SDK's
// credential chain, which makes a cold start slower.
func ReadEnvironment(getenv func(string) string) (Environment, error) {
	env := Environment{
		Table:    getenv(EnvTable),
		Region:   getenv(envRegion),
		Endpoint: getenv(EnvEndpoint),
	}
	var errs [7]error
	if getenv(envRuntime) == "" {
		errs[0] = variableError(envRuntime, "is not set: this program runs in AWS Lambda; start it there or with sam local")
	}
	if env.Table == "" {
		errs[1] = variableError(EnvTable, "is not set: set it to the name of the DynamoDB table")
	}
	errs[2] = checkEndpoint(env.Endpoint)
	errs[3] = env.readAccount(getenv)
	env.Retention, errs[4] = readRetention(getenv(EnvRetention))
	env.LogLevel, errs[5] = readLogLevel(getenv(EnvLogLevel))
	env.ForeignKeys, errs[6] = readForeign(getenv(EnvForeign))
	return env, errors.Join(errs[:]...)
}

// readAccount reads the region and the credentials. A local engine accepts any,
// so with one they may be missing.
func (e *Environment) readAccount(getenv func(string) string) error {
	id, secret := getenv(envKeyID), getenv(envSecret)
	local := e.Endpoint != ""
	if local && e.Region == "" {
		e.Region = "us-east-1"
	}
	if local && id == "" && secret == "" {
		id, secret = "local", "local"
	}
	e.Credentials = credentials.NewStaticCredentialsProvider(id, secret, getenv(envSession))

	const hint = "is not set: Lambda sets it; outside of Lambda set it, or set " + EnvEndpoint + " to use a local engine"
	var errs [3]error
	for i, v := range []struct{ name, value string }{{envRegion, e.Region}, {envKeyID, id}, {envSecret, secret}} {
		if v.value == "" {
			errs[i] = variableError(v.name, hint)
		}
	}
	return errors.Join(errs[:]...)
}

func checkEndpoint(endpoint string) error {
	if endpoint == "" {
		return nil
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return variableError(EnvEndpoint, "is not a URL: set it to a URL such as http://127.0.0.1:8000, or remove it to use AWS")
	}
	return nil
}

func readRetention(days string) (time.Duration, error) {
	if days == "" {
		return dynamo.DefaultRetention, nil
	}
	n, err := strconv.Atoi(days)
	if err != nil || n < 0 || n > maxRetentionDays {
		return 0, variableError(EnvRetention, fmt.Sprintf("is not a number of days: set it to an integer from 0 to %d, or remove it for the default, %d",
			maxRetentionDays, dynamo.DefaultRetention/(24*time.Hour)))
	}
	return time.Duration(n) * 24 * time.Hour, nil
}

func readLogLevel(name string) (level slog.Level, err error) {
	if name != "" && level.UnmarshalText([]byte(name)) != nil {
		return 0, variableError(EnvLogLevel, "is not a log level: set it to debug, info, warn or error, or remove it for the default, info")
	}
	return level, nil
}

func readForeign(value string) (bool, error) {
	if value != "" && value != "true" && value != "false" {
		return false, variableError(EnvForeign, "is neither true nor false: set it to true to accept keys that another system has issued, or remove it")
	}
	return value == "true", nil
}

func variableError(name, problem string) error {
	return fmt.Errorf("environment variable %s %s", name, problem)
}
