package dynamotest

import (
	"context"
	"fmt"
	"maps"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"
)

// A Witness sees every call that a client makes and notes what the store must
// never do. The local engine can't tell: every read of it is consistent.
type CallRecorder struct {
	mu    sync.Mutex
	calls map[string]int
	wrong []string
}

// Watch is the tweak that lets the witness see a client's calls.
func (w *CallRecorder) Configure(o *dynamodb.Options) {
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("witness",
			func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
				w.see(in.Parameters)
				return next.HandleInitialize(ctx, in)
			}), middleware.Before)
	})
}

// Calls counts the calls by the name of their operation, retries aside.
func (w *CallRecorder) Calls() map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.calls)
}

// Wrong lists what was seen and must not be: reads that are not strongly
// consistent, scans, transactions without a request token, and calls that
// don't ask what they cost.
func (w *CallRecorder) Violations() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.wrong
}

func (w *CallRecorder) see(input any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.calls == nil {
		w.calls = map[string]int{}
	}
	switch in := input.(type) {
	case *dynamodb.GetItemInput:
		w.call("GetItem", in.ReturnConsumedCapacity)
		w.read("GetItem", in.ConsistentRead)
	case *dynamodb.QueryInput:
		w.call("Query", in.ReturnConsumedCapacity)
		w.read("Query", in.ConsistentRead)
	case *dynamodb.BatchGetItemInput:
		w.call("BatchGetItem", in.ReturnConsumedCapacity)
		for _, keys := range in.RequestItems {
			w.read("BatchGetItem", keys.ConsistentRead)
		}
	case *dynamodb.UpdateItemInput:
		w.call("UpdateItem", in.ReturnConsumedCapacity)
	case *dynamodb.PutItemInput:
		w.call("PutItem", in.ReturnConsumedCapacity)
	case *dynamodb.TransactWriteItemsInput:
		w.call("TransactWriteItems", in.ReturnConsumedCapacity)
		if aws.ToString(in.ClientRequestToken) == "" {
			w.wrong = append(w.wrong, "TransactWriteItems without a request token")
		}
	default:
		w.wrong = append(w.wrong, fmt.Sprintf("a call that no request may make: %T", input))
	}
}

func (w *CallRecorder) call(op string, capacity types.ReturnConsumedCapacity) {
	w.calls[op]++
	if capacity != types.ReturnConsumedCapacityTotal {
		w.wrong = append(w.wrong, op+" does not ask for its consumed capacity")
	}
}

func (w *CallRecorder) read(op string, consistent *bool) {
	if !aws.ToBool(consistent) {
		w.wrong = append(w.wrong, op+" is not strongly consistent")
	}
}
