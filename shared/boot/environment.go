package boot

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/reqlog"
)

// The environment variables that a function reads. Lambda itself sets those
// that begin with AWS_.
const (
	EnvTable     = "TABLE_NAME"        // required
	EnvEndpoint  = "DYNAMODB_ENDPOINT" // the URL of a local engine; empty: AWS
	EnvRetention = "RETENTION_DAYS"    // how many days expired tokens are kept; empty: dynamo.DefaultRetention
	EnvLogLevel  = "LOG_LEVEL"         // debug, info, warn or error; empty: info
	EnvForeign   = "FOREIGN_KEYS"      // true accepts keys that another system has issued; empty: false
	EnvNoUses    = "NO_USE_RECORDS"    // true does not record when and from where keys are used; empty: false
	EnvBasePath  = "BASE_PATH"         // the path below the domain that the API has, such as keys; empty: none
	EnvMetrics   = "METRICS"           // the stage whose metrics the log lines contain; empty: they contain none

	// These are of the functions history and deliver alone; see publish.
	EnvEventBus     = "EVENT_BUS"         // the name of the EventBridge bus that gets events; empty: none does
	EnvWebhookQueue = "WEBHOOK_QUEUE_URL" // the URL of the SQS queue of webhooks; empty: none are sent

	// These are of the function history alone; see publish.
	EnvScheduleGroup = "SCHEDULE_GROUP"    // the name of the group of schedules that check timers; empty: nothing does
	EnvScheduleRole  = "SCHEDULE_ROLE_ARN" // the ARN of the role that calls the function

	// These are of the function gateway alone; see modelgateway.
	EnvUpstream      = "UPSTREAM_URL"           // the URL of the model API; required
	EnvKeyParameter  = "UPSTREAM_KEY_PARAMETER" // the name of the parameter with its key; empty: no key is sent
	EnvUpstreamAuth  = "UPSTREAM_AUTH"          // the header for that key: bearer, x-api-key, api-key or x-goog-api-key; empty: bearer
	EnvAllow         = "ALLOW"                  // further methods and paths, separated by commas; see gateway.ParseAllowed
	EnvAllowOrigin   = "ALLOW_ORIGIN"           // origins of pages that may call it, separated by commas
	EnvClamp         = "CLAMP"                  // true lowers limits of output tokens to what the balance pays for
	EnvNoInjectUsage = "NO_INJECT_USAGE"        // true does not ask the upstream for the usage of streams

	envAWSEndpoint = "AWS_ENDPOINT_URL" // as the AWS SDKs read it

	envRuntime = "AWS_LAMBDA_RUNTIME_API"
	envRegion  = "AWS_REGION"
	envKeyID   = "AWS_ACCESS_KEY_ID"
	envSecret  = "AWS_SECRET_ACCESS_KEY" //nolint:gosec // a name, not a secret
	envSession = "AWS_SESSION_TOKEN"
	envName    = "AWS_LAMBDA_FUNCTION_NAME"
	envVersion = "AWS_LAMBDA_FUNCTION_VERSION"
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
	// NoUseRecords makes gates without gate.WithUseRecords.
	NoUseRecords bool
	BasePath     string // with a slash before it; empty: none
	EventBus     string // the name of the bus; empty: none
	WebhookQueue string // the URL of the queue; empty: none
	// ScheduleGroup is the name of the group of schedules, and ScheduleRole the ARN of
	// their role; empty: none.
	ScheduleGroup, ScheduleRole string
	AWSEndpoint                 string          // the URL of an imitation of EventBridge, its Scheduler, and SQS; empty: AWS
	Process                     *reqlog.Process // for the log lines
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
		Table:        getenv(EnvTable),
		Region:       getenv(envRegion),
		Endpoint:     getenv(EnvEndpoint),
		EventBus:     getenv(EnvEventBus),
		WebhookQueue: getenv(EnvWebhookQueue),

		ScheduleGroup: getenv(EnvScheduleGroup),
		ScheduleRole:  getenv(EnvScheduleRole),
		AWSEndpoint:   getenv(envAWSEndpoint),
	}
	var errs [10]error
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
	env.ForeignKeys, errs[6] = readFlag(getenv, EnvForeign, "to accept keys that another system has issued")
	env.NoUseRecords, errs[9] = readFlag(getenv, EnvNoUses, "to record no uses of keys")
	env.Process = &reqlog.Process{Function: getenv(envName), Version: getenv(envVersion), Stage: getenv(EnvMetrics)}
	errs[7] = checkStage(env.Process.Stage)
	env.BasePath, errs[8] = readBasePath(getenv(EnvBasePath))
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

func readFlag(getenv func(string) string, name, purpose string) (bool, error) {
	value := getenv(name)
	if value != "" && value != "true" && value != "false" {
		return false, variableError(name, "is neither true nor false: set it to true "+purpose+", or remove it")
	}
	return value == "true", nil
}

// checkStage checks the name of a stage, which is a dimension of metrics.
func checkStage(name string) error {
	if len(name) > 64 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return variableError(EnvMetrics, "is not the name of a stage: set it to up to 64 lower-case letters, digits and hyphens, or remove it to write no metrics")
	}
	return nil
}

func variableError(name, problem string) error {
	return fmt.Errorf("environment variable %s %s", name, problem)
}
