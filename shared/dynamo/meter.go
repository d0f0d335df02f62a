package dynamo

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/latchkey-api/latchkey/shared/reqlog"
)

type stack = middleware.Stack

// addMeter makes a client add its round trips and the capacity units that
// DynamoDB reports to the context's reqlog.Meter. DynamoDB reports no units
// for a failed call, although a failed condition costs as much as a write.
func addMeter(s *stack) error {
	countTrips := middleware.DeserializeMiddlewareFunc("latchkeyRoundTrips",
		func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
			reqlog.MeterFrom(ctx).Add(reqlog.Cost{RoundTrips: 1})
			return next.HandleDeserialize(ctx, in)
		})
	countUnits := middleware.InitializeMiddlewareFunc("latchkeyUnits",
		func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			out, metadata, err := next.HandleInitialize(ctx, in)
			reqlog.MeterFrom(ctx).Add(cost(out.Result))
			return out, metadata, err
		})
	if err := s.Initialize.Add(countUnits, middleware.After); err != nil {
		return err
	}
	return s.Deserialize.Add(countTrips, middleware.Before)
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
