package boot

import (
	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/shared/dynamo"
)

// itemOf returns an item of an event as one of the table.
func itemOf(in map[string]events.DynamoDBAttributeValue) dynamo.Item {
	out := dynamo.Item{}
	for name, v := range in {
		out[name] = valueOf(v)
	}
	return out
}

// valueOf returns nil for a type that the store does not write.
func valueOf(v events.DynamoDBAttributeValue) types.AttributeValue {
	switch v.DataType() {
	case events.DataTypeString:
		return &types.AttributeValueMemberS{Value: v.String()}
	case events.DataTypeNumber:
		return &types.AttributeValueMemberN{Value: v.Number()}
	case events.DataTypeBinary:
		return &types.AttributeValueMemberB{Value: v.Binary()}
	case events.DataTypeBoolean:
		return &types.AttributeValueMemberBOOL{Value: v.Boolean()}
	case events.DataTypeMap:
		return &types.AttributeValueMemberM{Value: itemOf(v.Map())}
	case events.DataTypeList:
		list := new(types.AttributeValueMemberL)
		for _, e := range v.List() {
			list.Value = append(list.Value, valueOf(e))
		}
		return list
	case events.DataTypeBinarySet, events.DataTypeNull, events.DataTypeNumberSet, events.DataTypeStringSet:
	}
	return nil
}
