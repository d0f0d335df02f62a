package dynamo

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/latchkey-api/latchkey/shared/reqlog"
)

type stack = middleware.Stack

// addMeter makes a client add its round trips and capacity units to the context's
// reqlog.Meter: those that DynamoDB reports, and those of a write that a condition
// refuses, for which it reports none.
func addMeter(s *stack) error {
	keepInput := middleware.InitializeMiddlewareFunc("latchkeyInput",
		func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			return next.HandleInitialize(context.WithValue(ctx, inputKey{}, in.Parameters), in)
		})
	count := middleware.DeserializeMiddlewareFunc("latchkeyMeter",
		func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
			out, metadata, err := next.HandleDeserialize(ctx, in)
			c := cost(out.Result)
			if err != nil {
				c.WriteUnits = refusedUnits(ctx.Value(inputKey{}), err)
			}
			c.RoundTrips = 1
			if metadata.Has(hedgedKey{}) { // the answer of the other attempt, which costs as much, was not read
				c.ReadUnits, c.RoundTrips, c.Hedged = 2*c.ReadUnits, 2, 1
			}
			reqlog.MeterFrom(ctx).Add(c)
			return out, metadata, err
		})
	if err := s.Initialize.Add(keepInput, middleware.After); err != nil {
		return err
	}
	return s.Deserialize.Add(count, middleware.Before) // once for each attempt
}

// inputKey is the key of a call's input in its context.
type inputKey struct{}

// refusedUnits returns the units of a call that failed because of a condition. A
// refused write costs as much as one that is made: by the larger of the stored and
// the new item, both for each item of a transaction and twice. An update's new
// item is not known, and counts as the stored one. AWS does not document what a
// cancelled transaction costs; this is what it costs if it is made.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithItems.html#WorkingWithItems.ConditionalUpdate
func refusedUnits(input any, err error) (units float64) {
	var failed *types.ConditionalCheckFailedException
	if errors.As(err, &failed) {
		put, _ := input.(*dynamodb.PutItemInput)
		if put == nil {
			put = new(dynamodb.PutItemInput)
		}
		return writeUnits(failed.Item, put.Item)
	}
	var cancelled *types.TransactionCanceledException
	writes, _ := input.(*dynamodb.TransactWriteItemsInput)
	if !errors.As(err, &cancelled) || writes == nil || !hasReason(cancelled, conditionFailed) {
		return 0
	}
	for i, w := range writes.TransactItems {
		var stored, created item
		if i < len(cancelled.CancellationReasons) {
			stored = cancelled.CancellationReasons[i].Item
		}
		if w.Put != nil {
			created = w.Put.Item
		}
		units += 2 * writeUnits(stored, created)
	}
	return units
}

func cost(result any) reqlog.Cost {
	switch out := result.(type) {
	case *dynamodb.GetItemOutput:
		return reqlog.Cost{ReadUnits: units(out.ConsumedCapacity)}
	case *dynamodb.QueryOutput:
		return reqlog.Cost{ReadUnits: units(out.ConsumedCapacity)}
	case *dynamodb.BatchGetItemOutput:
		return reqlog.Cost{ReadUnits: sumUnits(out.ConsumedCapacity)}
	case *dynamodb.PutItemOutput:
		return reqlog.Cost{WriteUnits: units(out.ConsumedCapacity)}
	case *dynamodb.UpdateItemOutput:
		return reqlog.Cost{WriteUnits: units(out.ConsumedCapacity)}
	case *dynamodb.DeleteItemOutput:
		return reqlog.Cost{WriteUnits: units(out.ConsumedCapacity)}
	case *dynamodb.TransactWriteItemsOutput:
		return reqlog.Cost{WriteUnits: sumUnits(out.ConsumedCapacity)}
	default:
		return reqlog.Cost{}
	}
}

func sumUnits(all []types.ConsumedCapacity) float64 {
	var total float64
	for _, c := range all {
		total += units(&c)
	}
	return total
}

func units(c *types.ConsumedCapacity) float64 {
	if c == nil {
		return 0
	}
	return aws.ToFloat64(c.CapacityUnits)
}
