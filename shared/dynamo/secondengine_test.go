package dynamo_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
)

// sent has the requests of all tests, for TestMain.
var sent dynamotest.SentRequests //nolint:gochecknoglobals // see above

// No expression of the store depends on one engine's reading of DynamoDB's grammar:
// after the tests, their requests are sent to a second engine, on the same items,
// and must be answered in the same way. None exceeds DynamoDB's limits on one expression.
func TestMain(m *testing.M) {
	status := m.Run()
	if status == 0 {
		started := time.Now()
		n, differences, err := sent.Compare(context.Background())
		fmt.Printf("%d requests sent to two engines in %v, %d answered differently\n", n, time.Since(started).Round(time.Millisecond), len(differences))
		for _, e := range sent.Expressions() {
			if operators(e) > maxOperators || len(e) > maxBytes {
				differences = append(differences, fmt.Sprintf("%d operators and %d bytes, more than DynamoDB allows: %s", operators(e), len(e), e))
			}
		}
		if err != nil || len(differences) > 0 {
			status = 1
		}
		for _, d := range differences {
			fmt.Println(d)
		}
		if err != nil {
			fmt.Println(err)
		}
	}
	os.Exit(status)
}
