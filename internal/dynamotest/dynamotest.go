// Package dynamotest gives a test the real thing: a DynamoDB engine of its
// own, in memory, with a fresh table. Without the engine a test fails; it
// never skips.
package dynamotest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/engine"
)

// Table is the name of every test's table.
const Table = "latchkey-test"

// A Kit is a running engine with a table in it.
type Kit struct {
	Endpoint string
	Engine   *engine.Engine
	Client   *dynamodb.Client // as the product makes it, with the tweaks
	Store    *dynamo.Store
}

// New starts an engine that ends with the test.
func New(t testing.TB, tweaks ...func(*dynamodb.Options)) *Kit {
	t.Helper()
	kit, err := Start(t.Context(), tweaks...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kit.Engine.Stop)
	return kit
}

// Start starts an engine for an example, which has no testing.TB. The caller
// stops it.
func Start(ctx context.Context, tweaks ...func(*dynamodb.Options)) (*Kit, error) {
	root, err := findRoot()
	if err != nil {
		return nil, err
	}
	e, err := engine.Start(ctx, engine.Path(root), "")
	if err != nil {
		return nil, err
	}
	if err := dynamo.CreateTable(ctx, Client(e.Endpoint), Table); err != nil {
		e.Stop()
		return nil, err
	}
	client := Client(e.Endpoint, tweaks...)
	return &Kit{e.Endpoint, e, client, dynamo.New(client, Table)}, nil
}

// Client makes a client as the product does, for an engine's endpoint.
func Client(endpoint string, tweaks ...func(*dynamodb.Options)) *dynamodb.Client {
	return dynamo.NewClient("us-east-1", endpoint, credentials.NewStaticCredentialsProvider("local", "local", ""), tweaks...)
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
			return "", errors.New("no go.mod above the test's folder")
		}
		dir = up
	}
}
