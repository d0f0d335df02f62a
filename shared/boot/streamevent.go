package boot

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/shared/dynamo"
)

// errNotStreamEvent stands for every payload that can't be read: Lambda logs
// what Invoke returns, and does not mask credentials in it.
var errNotStreamEvent = errors.New("the payload is not an event of a DynamoDB stream: the log line of the invocation has the cause")

// readBatch returns the records of an event.
func readBatch(payload []byte) (records []dynamo.StreamRecord, err error) {
	var event events.DynamoDBEvent
	if err := json.Unmarshal(payload, &event); err != nil {
		return nil, fmt.Errorf("read the event: %w", err)
	}
	if len(event.Records) == 0 {
		return nil, errors.New("the event has no records")
	}
	for i, r := range event.Records {
		if r.EventSource != "aws:dynamodb" || r.Change.SequenceNumber == "" {
			return nil, fmt.Errorf("record %d is not a record of a DynamoDB stream", i)
		}
		c := dynamo.StreamRecord{
			Event:     r.EventName,
			Partition: keyOf(r.Change.Keys[dynamo.PartitionKey], events.DataTypeString),
			Number:    keyOf(r.Change.Keys[dynamo.SortKey], events.DataTypeNumber),
			Before:    itemOf(r.Change.OldImage),
			After:     itemOf(r.Change.NewImage),
			Stream:    dynamo.StreamLabel(r.EventSourceArn),
			Sequence:  r.Change.SequenceNumber,
			Time:      r.Change.ApproximateCreationDateTime.Time,
		}
		if r.UserIdentity != nil {
			c.Actor, c.Principal = r.UserIdentity.Type, r.UserIdentity.PrincipalID
		}
		records = append(records, c)
	}
	return records, nil
}

// answerTo names the first record that is not finished, if there was an error.
func answerTo(records []dynamo.StreamRecord, r reading) events.DynamoDBEventResponse {
	answer := events.DynamoDBEventResponse{BatchItemFailures: []events.DynamoDBBatchItemFailure{}}
	if r.err != nil {
		answer.BatchItemFailures = append(answer.BatchItemFailures, events.DynamoDBBatchItemFailure{ItemIdentifier: records[r.done].Sequence})
	}
	return answer
}

// keyOf returns the text of a key attribute, or "" if the attribute is missing
// or has another type than want.
func keyOf(v events.DynamoDBAttributeValue, want events.DynamoDBDataType) string {
	switch {
	case v.IsNull() || v.DataType() != want:
		return ""
	case want == events.DataTypeNumber:
		return v.Number()
	default:
		return v.String()
	}
}

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
