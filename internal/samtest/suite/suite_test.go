//go:build sam

// Package suite_test plays the API suite against the server that its
// environment names. The test of sam local start-api runs it as a process of
// its own, to judge each of its sub-tests.
package suite_test

import (
	"os"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/apitest"
	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/token"
)

func TestContract(t *testing.T) {
	client := dynamotest.Client(os.Getenv("SUITE_ENGINE"))
	store := dynamo.New(client, dynamotest.Table)
	apitest.Run(t, apitest.NewTarget(t, os.Getenv("SUITE_URL"), &token.UserService{Store: store, Now: time.Now}))
}
