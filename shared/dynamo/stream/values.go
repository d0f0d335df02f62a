package stream

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	streamtypes "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"

	"github.com/latchkey-api/latchkey/shared/dynamo"
)

// itemOf returns an item of the stream as one of the table. The SDK has types of
// its own for each.
func itemOf(in map[string]streamtypes.AttributeValue) dynamo.Item {
	if in == nil {
		return nil
	}
	out := dynamo.Item{}
	for name, v := range in {
		out[name] = valueOf(v)
	}
	return out
}

// valueOf returns nil for a type that the store does not write.
func valueOf(v streamtypes.AttributeValue) types.AttributeValue {
	switch v := v.(type) {
	case *streamtypes.AttributeValueMemberS:
		return &types.AttributeValueMemberS{Value: v.Value}
	case *streamtypes.AttributeValueMemberN:
		return &types.AttributeValueMemberN{Value: v.Value}
	case *streamtypes.AttributeValueMemberB:
		return &types.AttributeValueMemberB{Value: v.Value}
	case *streamtypes.AttributeValueMemberBOOL:
		return &types.AttributeValueMemberBOOL{Value: v.Value}
	case *streamtypes.AttributeValueMemberM:
		return &types.AttributeValueMemberM{Value: itemOf(v.Value)}
	case *streamtypes.AttributeValueMemberL:
		list := new(types.AttributeValueMemberL)
		for _, e := range v.Value {
			list.Value = append(list.Value, valueOf(e))
		}
		return list
	default:
		return nil
	}
}
