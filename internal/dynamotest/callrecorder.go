package dynamotest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/latchkey-api/latchkey/shared/dynamo"
)

// A CallRecorder sees every call that a client makes and records those that the
// store must never make. The local engine can't detect them: all of its reads are
// strongly consistent.
type CallRecorder struct {
	mu         sync.Mutex
	calls      map[string]int
	violations []string
}

// Configure is a client option.
func (r *CallRecorder) Configure(o *dynamodb.Options) {
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("callRecorder",
			func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
				r.record(in.Parameters)
				return next.HandleInitialize(ctx, in)
			}), middleware.Before)
	})
}

// Calls returns the number of calls by operation, without retries.
func (r *CallRecorder) Calls() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.calls)
}

// Violations lists the calls that the store must not make: reads that are not
// strongly consistent, scans, transactions without a request token, and calls
// that don't request their consumed capacity.
func (r *CallRecorder) Violations() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.violations
}

func (r *CallRecorder) record(input any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.calls == nil {
		r.calls = map[string]int{}
	}
	switch in := input.(type) {
	case *dynamodb.GetItemInput:
		r.call("GetItem", in.ReturnConsumedCapacity)
		r.read("GetItem", in.ConsistentRead, in.Key[dynamo.PartitionKey])
	case *dynamodb.QueryInput:
		r.call("Query", in.ReturnConsumedCapacity)
		if in.ProjectionExpression == nil { // otherwise a search, which reads what it finds again
			r.read("Query", in.ConsistentRead, in.ExpressionAttributeValues[":partition"])
		}
	case *dynamodb.BatchGetItemInput:
		r.call("BatchGetItem", in.ReturnConsumedCapacity)
		for _, keys := range in.RequestItems {
			for _, key := range keys.Keys {
				r.read("BatchGetItem", keys.ConsistentRead, key[dynamo.PartitionKey])
			}
		}
	case *dynamodb.UpdateItemInput:
		r.call("UpdateItem", in.ReturnConsumedCapacity)
	case *dynamodb.PutItemInput:
		r.call("PutItem", in.ReturnConsumedCapacity)
	case *dynamodb.DeleteItemInput:
		r.call("DeleteItem", in.ReturnConsumedCapacity)
	case *dynamodb.TransactWriteItemsInput:
		r.call("TransactWriteItems", in.ReturnConsumedCapacity)
		if aws.ToString(in.ClientRequestToken) == "" {
			r.violations = append(r.violations, "TransactWriteItems without a request token")
		}
	default:
		r.violations = append(r.violations, fmt.Sprintf("a call that the store must not make: %T", input))
	}
}

func (r *CallRecorder) call(op string, capacity types.ReturnConsumedCapacity) {
	r.calls[op]++
	if capacity != types.ReturnConsumedCapacityTotal {
		r.violations = append(r.violations, op+" does not request its consumed capacity")
	}
}

func (r *CallRecorder) read(op string, consistent *bool, partition types.AttributeValue) {
	if !aws.ToBool(consistent) && !mayBeBehind(partition) {
		r.violations = append(r.violations, op+" is not strongly consistent")
	}
}

// mayBeBehind reports whether a read of a partition may miss what was written last:
// a KEY item, which never changes, and histories, which are behind anyway.
func mayBeBehind(partition types.AttributeValue) bool {
	pk, ok := partition.(*types.AttributeValueMemberS)
	return ok && (pk.Value == "F" || slices.ContainsFunc([]string{"K#", "Y#", "Z#"}, func(prefix string) bool { return strings.HasPrefix(pk.Value, prefix) }))
}
