package tokenctltest

import (
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
)

// charge implements the command charge ID NAME MODEL UNITS: it adds a request of a token
// of alice to its history, as the table's stream would have it.
func charge(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 4 {
		ts.Fatalf("usage: charge ID NAME MODEL UNITS")
	}
	kit, _ := ts.Value(kitKey{}).(*dynamotest.Kit) // set by setup
	now := time.Now()
	number := func(n int64) types.AttributeValue {
		return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
	}
	units, err := strconv.ParseInt(args[3], 10, 64)
	ts.Check(err)
	note := dynamo.Item{"n": number(1), "i": number(2 * units), "o": number(units), "d": number(1_000 * units)}
	if args[2] != "" {
		note["m"] = &types.AttributeValueMemberS{Value: args[2]}
	}
	record := dynamo.StreamRecord{
		Event: "MODIFY", Partition: "T#1#0", Number: args[0], Stream: "label", Sequence: strconv.FormatInt(now.UnixNano(), 10), Time: now,
		Before: dynamo.Item{"used": number(0)},
		After:  dynamo.Item{"used": number(units), "name": &types.AttributeValueMemberS{Value: args[1]}, "did": &types.AttributeValueMemberM{Value: note}},
	}
	f, err := kit.Store.Fold(testOf(ts).Context(), []dynamo.StreamRecord{record}, now.Unix())
	if err == nil && f.Charges != 1 {
		err = fmt.Errorf("the charge was not folded: %+v", f)
	}
	ts.Check(err)
}
