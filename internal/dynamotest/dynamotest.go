// Package dynamotest gives a test the real thing: a DynamoDB engine of its
// own, in memory, with a fresh table. Without the engine a test fails; it
// never skips.
package dynamotest

import (
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
	e, err := engine.Start(t.Context(), engine.Path(Root(t)), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Stop)
	if err := dynamo.CreateTable(t.Context(), Client(e.Endpoint), Table); err != nil {
		t.Fatal(err)
	}
	client := Client(e.Endpoint, tweaks...)
	return &Kit{e.Endpoint, e, client, dynamo.New(client, Table)}
}

// Client makes a client as the product does, for an engine's endpoint.
func Client(endpoint string, tweaks ...func(*dynamodb.Options)) *dynamodb.Client {
	return dynamo.NewClient("us-east-1", endpoint, credentials.NewStaticCredentialsProvider("local", "local", ""), tweaks...)
}

// Root is the project's root folder, found upwards of the test's.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above the test's folder")
		}
		dir = up
	}
}
