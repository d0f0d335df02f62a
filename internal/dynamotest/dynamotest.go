// Package dynamotest runs tests against a real DynamoDB engine. Each test has its
// own engine, in memory, with a new table. Without the engine a test fails; it is
// never skipped. The package also has clients that fail in chosen ways.
package dynamotest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/engine"
)

// Table is the name of the table in every test.
const Table = "latchkey-test"

// A Kit is a running engine with a table in it.
type Kit struct {
	Endpoint string
	Engine   *engine.Engine
	Client   *dynamodb.Client // with the test's options
	Store    *dynamo.Store
}

// New starts an engine, which stops when the test ends, and makes a table. The
// options apply to the kit's client.
func New(t testing.TB, options ...func(*dynamodb.Options)) *Kit {
	t.Helper()
	return start(t, "", options...)
}

// NewInFile is New with an engine that keeps its data in a file, as tokenctl serve does.
func NewInFile(t testing.TB, options ...func(*dynamodb.Options)) *Kit {
	t.Helper()
	return start(t, filepath.Join(t.TempDir(), "data"), options...)
}

func start(t testing.TB, file string, options ...func(*dynamodb.Options)) *Kit {
	t.Helper()
	kit, err := startIn(t.Context(), file, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kit.Engine.Stop)
	return kit
}

// Start starts an engine for an example, which has no testing.TB. The caller
// stops it.
func Start(ctx context.Context, options ...func(*dynamodb.Options)) (*Kit, error) {
	return startIn(ctx, "", options...)
}

func startIn(ctx context.Context, file string, options ...func(*dynamodb.Options)) (*Kit, error) {
	root, err := findRoot()
	if err != nil {
		return nil, err
	}
	e, err := engine.Start(ctx, engine.Path(root), file)
	if err != nil {
		return nil, err
	}
	if err := dynamo.CreateTable(ctx, Client(e.Endpoint), Table); err != nil {
		e.Stop()
		return nil, err
	}
	client := Client(e.Endpoint, options...)
	return &Kit{e.Endpoint, e, client, dynamo.New(client, Table)}, nil
}

// Client makes a client of an engine. It is the product's client, except that
// it waits a minute for an answer: on a busy machine the engine is slower than
// DynamoDB, and an attempt that times out would look like a lost answer.
func Client(endpoint string, options ...func(*dynamodb.Options)) *dynamodb.Client {
	return ProductClient(endpoint, slices.Insert(options, 0, waitLonger)...)
}

// ProductClient makes a client of an engine with the product's time limits.
func ProductClient(endpoint string, options ...func(*dynamodb.Options)) *dynamodb.Client {
	return dynamo.NewClient("us-east-1", endpoint, credentials.NewStaticCredentialsProvider("local", "local", ""), options...)
}

func waitLonger(o *dynamodb.Options) {
	c := *o.HTTPClient.(*dynamo.HTTPClient)
	c.Client.Timeout = time.Minute
	o.HTTPClient = &c
}

// Root returns the project's root folder, found upwards from the test's.
func Root(t testing.TB) string {
	t.Helper()
	root, err := findRoot()
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func findRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("no go.mod above the test's directory")
		}
		dir = up
	}
}
