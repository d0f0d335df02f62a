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

// The environment variables that a function reads. The AWS_ ones are set by
// Lambda itself.
const (
	EnvTable     = "TABLE_NAME"        // required
	EnvEndpoint  = "DYNAMODB_ENDPOINT" // a local engine's URL; empty = AWS
	EnvRetention = "RETENTION_DAYS"    // how long expired tokens stay; empty = dynamo.DefaultRetention
	EnvLogLevel  = "LOG_LEVEL"         // debug, info, warn or error; empty = info

	envRuntime = "AWS_LAMBDA_RUNTIME_API"
	envRegion  = "AWS_REGION"
	envKeyID   = "AWS_ACCESS_KEY_ID"
	envSecret  = "AWS_SECRET_ACCESS_KEY" //nolint:gosec // a name, not a secret
	envSession = "AWS_SESSION_TOKEN"
)

// maxRetentionDays is a century, more than anyone means and far from what a
// time.Duration can't hold.
const maxRetentionDays = 36_500

// An Environment is what a function was told by its surroundings.
type Environment struct {
	Table       string
	Region      string
	Endpoint    string // empty = AWS
	Credentials aws.CredentialsProvider
	Retention   time.Duration
	LogLevel    slog.Level
}

// ReadEnvironment reads variables; an empty one is as good as none. The error
// has one sentence for each that is wrong: its name and what to do. Lambda
// has the credentials in the environment and renews them with the process,
// so the SDK's search for others, slow at every cold start, is left out.
func ReadEnvironment(getenv func(string) string) (Environment, error) {
	env := Environment{
		Table:    getenv(EnvTable),
		Region:   getenv(envRegion),
		Endpoint: getenv(EnvEndpoint),
	}
	var errs [6]error
	if getenv(envRuntime) == "" {
		errs[0] = wrong(envRuntime, "is not set: this program runs in AWS Lambda; start it there or with sam local")
	}
	if env.Table == "" {
		errs[1] = wrong(EnvTable, "is not set: set it to the name of the DynamoDB table")
	}
	errs[2] = checkEndpoint(env.Endpoint)
	errs[3] = env.readAccount(getenv)
	env.Retention, errs[4] = readRetention(getenv(EnvRetention))
	env.LogLevel, errs[5] = readLogLevel(getenv(EnvLogLevel))
	return env, errors.Join(errs[:]...)
}

// readAccount reads region and credentials. A local engine takes any, so they
// may be missing there.
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

	const hint = "is not set: Lambda sets it; elsewhere set it, or " + EnvEndpoint + " for a local engine"
	var errs [3]error
	for i, v := range []struct{ name, value string }{{envRegion, e.Region}, {envKeyID, id}, {envSecret, secret}} {
		if v.value == "" {
			errs[i] = wrong(v.name, hint)
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
		return wrong(EnvEndpoint, "is not a URL: set it to one such as http://127.0.0.1:8000, or remove it to use AWS")
	}
	return nil
}

func readRetention(days string) (time.Duration, error) {
	if days == "" {
		return dynamo.DefaultRetention, nil
	}
	n, err := strconv.Atoi(days)
	if err != nil || n < 0 || n > maxRetentionDays {
		return 0, wrong(EnvRetention, fmt.Sprintf("is not a number of days: set it to an integer from 0 to %d, or remove it for %d",
			maxRetentionDays, dynamo.DefaultRetention/(24*time.Hour)))
	}
	return time.Duration(n) * 24 * time.Hour, nil
}

func readLogLevel(name string) (level slog.Level, err error) {
	if name != "" && level.UnmarshalText([]byte(name)) != nil {
		return 0, wrong(EnvLogLevel, "is not a level: set it to debug, info, warn or error, or remove it for info")
	}
	return level, nil
}

func wrong(variable, what string) error {
	return fmt.Errorf("environment variable %s %s", variable, what)
}
