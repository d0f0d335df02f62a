//go:build suite

// Package suite_test runs the API suite against the server at SUITE_URL, as a
// process of suitetest.Run.
package suite_test

import (
	"cmp"
	"os"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/latchkey-api/latchkey/internal/apitest"
	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/internal/suitetest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/token"
)

func TestContract(t *testing.T) {
	client := dynamotest.Client(os.Getenv(suitetest.EnvEngine), func(o *dynamodb.Options) { o.Region = cmp.Or(os.Getenv(suitetest.EnvRegion), o.Region) })
	store := dynamo.New(client, os.Getenv(suitetest.EnvTable))
	apitest.Run(t, apitest.NewTarget(t, os.Getenv(suitetest.EnvURL), &token.UserService{Store: store, Now: time.Now}))
}
