//go:build sam

// Package suite_test runs the API suite against the server at SUITE_URL. The test
// of sam local start-api runs it as a separate process, to check the result of
// each sub-test.
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
