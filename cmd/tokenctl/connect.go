package main

import (
	"cmp"
	"context"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go/logging"

	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/token"
)

// access holds the flags of the commands that work directly on the table.
type access struct {
	location
	JSON bool `help:"Print one line of JSON."`
}

// A location says where the table is.
type location struct {
	Endpoint string `env:"DYNAMODB_ENDPOINT" placeholder:"URL" help:"Use the DynamoDB engine at this URL instead of AWS; serve prints the URL of its engine."`
	Table    string `env:"TABLE_NAME" default:"${table}" placeholder:"NAME" help:"Name of the table (default ${table})."`
}

// A database is one table, in AWS or in another DynamoDB engine.
type database struct {
	client   *dynamodb.Client
	table    string
	endpoint string // "" is AWS
	region   string
}

// engineRegion and placeholderCredentials sign requests to a local engine,
// which requires a region and credentials but does not check them.
const engineRegion = "us-east-1"

func placeholderCredentials() aws.CredentialsProvider {
	return credentials.NewStaticCredentialsProvider("local", "local", "")
}

// credentialsTimeout bounds the search for AWS credentials, which may use the
// network.
const credentialsTimeout = 5 * time.Second

// connect returns a database at the endpoint or, if that is empty, in AWS. It
// sends nothing to DynamoDB.
func connect(ctx context.Context, endpoint, table string) (*database, error) {
	table = cmp.Or(table, defaultTable)
	if err := checkTable(table); err != nil {
		return nil, err
	}
	if endpoint == "" {
		return connectAWS(ctx, table)
	}
	if u, err := url.Parse(endpoint); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		shown := strconv.Quote(endpoint)
		if strings.Contains(endpoint, "@") {
			shown = "(not shown, because it may hold a password)"
		}
		return nil, problemf("the endpoint %s is not a URL: set DYNAMODB_ENDPOINT or --endpoint to a URL such as http://127.0.0.1:8000", shown)
	}
	region, provider := engineRegion, placeholderCredentials()
	// Use the operator's region and credentials if there are any: the endpoint
	// may be one of AWS. Don't search the network for them.
	if cfg, err := config.LoadDefaultConfig(ctx, quiet, config.WithEC2IMDSClientEnableState(imds.ClientDisabled)); err == nil {
		region = cmp.Or(cfg.Region, region)
		if haveCredentials(ctx, cfg) {
			provider = cfg.Credentials
		}
	}
	return &database{newClient(region, endpoint, provider), table, endpoint, region}, nil
}

// checkTable applies DynamoDB's rule for table names.
func checkTable(name string) error {
	if !regexp.MustCompile(`^[a-zA-Z0-9_.-]{3,255}$`).MatchString(name) {
		return problemf("%q is not a valid DynamoDB table name: set TABLE_NAME or --table to 3 to 255 letters, digits, dots, underscores or hyphens", name)
	}
	return nil
}

// connectEngine returns a database in an engine that this process started.
func connectEngine(endpoint, table string) *database {
	return &database{newClient(engineRegion, endpoint, placeholderCredentials()), cmp.Or(table, defaultTable), endpoint, engineRegion}
}

// connectAWS returns a database in AWS, with the operator's configuration.
func connectAWS(ctx context.Context, table string) (*database, error) {
	cfg, err := awsConfig(ctx, "to use a local engine, set DYNAMODB_ENDPOINT to the URL that `tokenctl serve` prints")
	if err != nil {
		return nil, err
	}
	return &database{newClient(cfg.Region, "", cfg.Credentials), table, "", cfg.Region}, nil
}

// newClient makes the client of every command and server.
func newClient(region, endpoint string, provider aws.CredentialsProvider) *dynamodb.Client {
	return dynamo.NewClient(region, endpoint, provider, dynamo.Hedge(time.Now))
}

// awsConfig returns the operator's configuration for AWS, with a region and
// credentials. An error ends with the alternative to AWS.
func awsConfig(ctx context.Context, alternative string) (aws.Config, error) {
	cfg, err := config.LoadDefaultConfig(ctx, quiet)
	if err != nil {
		return cfg, problemf("the AWS configuration is not usable (%s): check AWS_PROFILE and the files in ~/.aws; %s", sentence(err), alternative)
	}
	if cfg.Region == "" {
		return cfg, problemf("no AWS region is set: set AWS_REGION, or set AWS_PROFILE to a profile with a region; %s", alternative)
	}
	if !haveCredentials(ctx, cfg) {
		return cfg, problemf("no usable AWS credentials were found: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or renew an expired AWS login; %s", alternative)
	}
	return cfg, nil
}

// quiet keeps the log of the AWS SDK off stderr, where a failed command prints
// one sentence.
func quiet(o *config.LoadOptions) error {
	o.Logger = logging.Nop{}
	return nil
}

// haveCredentials reports whether cfg finds credentials. cfg caches them.
func haveCredentials(ctx context.Context, cfg aws.Config) bool {
	ctx, cancel := context.WithTimeout(ctx, credentialsTimeout)
	defer cancel()
	_, err := cfg.Credentials.Retrieve(ctx)
	return err == nil
}

func (d *database) store() *dynamo.Store {
	return dynamo.New(d.client, d.table)
}

// gate returns the gate of a proxy or a server.
func (d *database) gate(foreignKeys, useRecords bool) *gate.Gate {
	store := dynamo.New(d.client, d.table)
	var options []gate.Option
	if foreignKeys {
		options = append(options, gate.WithForeignKeys(store))
	}
	if useRecords {
		options = append(options, gate.WithUseRecords())
	}
	return gate.New(store, options...)
}

func (d *database) accounts() *token.UserService {
	return &token.UserService{Store: d.store(), Now: time.Now}
}

func (d *database) createTable(ctx context.Context) error {
	return dynamo.CreateTable(ctx, d.client, d.table)
}

// at returns where the database is, as a part of a sentence.
func (d *database) at() string {
	if d.endpoint == "" {
		return "in AWS region " + d.region
	}
	if u, err := url.Parse(d.endpoint); err == nil && u.User != nil {
		u.User = nil // it has a password
		return "at " + u.String()
	}
	return "at " + d.endpoint
}

// origin returns the settings that decide where the database is.
func (d *database) origin() string {
	if d.endpoint == "" {
		return "AWS_PROFILE and AWS_REGION"
	}
	return "DYNAMODB_ENDPOINT or --endpoint"
}
