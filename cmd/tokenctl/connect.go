package main

import (
	"cmp"
	"context"
	"net/url"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go/logging"

	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/token"
)

// access are the flags of the commands that work on the table directly.
type access struct {
	Endpoint string `env:"DYNAMODB_ENDPOINT" placeholder:"URL" help:"Work on the DynamoDB engine at this URL, such as the one that serve prints, instead of in AWS."`
	Table    string `env:"TABLE_NAME" default:"${table}" placeholder:"NAME" help:"The table's name (default ${table})."`
	JSON     bool   `help:"Print one line of JSON, for scripts."`
}

// A database is one table, in AWS or in an engine.
type database struct {
	client   *dynamodb.Client
	table    string
	endpoint string // "" is AWS
	region   string
}

// engineRegion and dummies are for engines, which want some but check none.
const engineRegion = "us-east-1"

func dummies() aws.CredentialsProvider {
	return credentials.NewStaticCredentialsProvider("local", "local", "")
}

// credentialsWithin bounds the search for credentials, which ends at the
// network.
const credentialsWithin = 5 * time.Second

// connect makes a client for the endpoint or, without one, for AWS. Nothing
// is sent to the database yet.
func connect(ctx context.Context, endpoint, table string) (*database, error) {
	table = cmp.Or(table, defaultTable)
	if err := checkTable(table); err != nil {
		return nil, err
	}
	if endpoint == "" {
		return connectAWS(ctx, table)
	}
	if u, err := url.Parse(endpoint); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, problemf("the endpoint %q is not a URL: set DYNAMODB_ENDPOINT or --endpoint to one such as http://127.0.0.1:8000", endpoint)
	}
	region, provider := engineRegion, dummies()
	// What is set is used, for an endpoint may be AWS's; nothing is searched
	// for in the network.
	if cfg, err := config.LoadDefaultConfig(ctx, quiet, config.WithEC2IMDSClientEnableState(imds.ClientDisabled)); err == nil {
		region = cmp.Or(cfg.Region, region)
		if haveCredentials(ctx, cfg) {
			provider = cfg.Credentials
		}
	}
	return &database{dynamo.NewClient(region, endpoint, provider), table, endpoint, region}, nil
}

// checkTable knows DynamoDB's rule for names.
func checkTable(name string) error {
	if !regexp.MustCompile(`^[a-zA-Z0-9_.-]{3,255}$`).MatchString(name) {
		return problemf("the table name %q is none for DynamoDB: set TABLE_NAME or --table to 3 to 255 letters, digits, dots, underscores or hyphens", name)
	}
	return nil
}

// connectEngine makes a client for an engine that this process started.
func connectEngine(endpoint, table string) *database {
	return &database{dynamo.NewClient(engineRegion, endpoint, dummies()), cmp.Or(table, defaultTable), endpoint, engineRegion}
}

func connectAWS(ctx context.Context, table string) (*database, error) {
	const local = "for a local engine set DYNAMODB_ENDPOINT to what `tokenctl serve` prints"
	cfg, err := config.LoadDefaultConfig(ctx, quiet)
	if err != nil {
		return nil, problemf("the AWS configuration can't be used (%s): check AWS_PROFILE and the files in ~/.aws; %s", sentence(err), local)
	}
	if cfg.Region == "" {
		return nil, problemf("no AWS region is set: set AWS_REGION, or AWS_PROFILE to a profile that has one; %s", local)
	}
	if !haveCredentials(ctx, cfg) {
		return nil, problemf("there are no usable AWS credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and log in again if they come from a login; %s", local)
	}
	return &database{dynamo.NewClient(cfg.Region, "", cfg.Credentials), table, "", cfg.Region}, nil
}

// quiet keeps the SDK's own words off stderr, which is for one sentence.
func quiet(o *config.LoadOptions) error {
	o.Logger = logging.Nop{}
	return nil
}

// haveCredentials looks for some, and keeps them in the configuration.
func haveCredentials(ctx context.Context, cfg aws.Config) bool {
	ctx, cancel := context.WithTimeout(ctx, credentialsWithin)
	defer cancel()
	_, err := cfg.Credentials.Retrieve(ctx)
	return err == nil
}

func (d *database) store() *dynamo.Store {
	return dynamo.New(d.client, d.table)
}

func (d *database) accounts() *token.UserService {
	return &token.UserService{Store: d.store(), Now: time.Now}
}

func (d *database) createTable(ctx context.Context) error {
	return dynamo.CreateTable(ctx, d.client, d.table)
}

// at says where the database is, for sentences.
func (d *database) at() string {
	if d.endpoint == "" {
		return "in AWS region " + d.region
	}
	return "at " + d.endpoint
}

// origin says what decided where the database is.
func (d *database) origin() string {
	if d.endpoint == "" {
		return "AWS_PROFILE and AWS_REGION"
	}
	return "DYNAMODB_ENDPOINT or --endpoint"
}
