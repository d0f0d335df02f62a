package boot_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/boot"
	"github.com/latchkey-api/latchkey/shared/dynamo"
)

// Functions send slow reads again.
func TestStoreHedges(t *testing.T) {
	t.Parallel()
	dynamotest.WantHedge(t, func(url string) *dynamo.Store {
		return boot.Environment{
			Table: dynamotest.Table, Region: "us-east-1", Endpoint: url, Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
		}.Store()
	})
}
