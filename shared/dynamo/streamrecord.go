package dynamo

import (
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// A StreamRecord is one change of an item, from the table's stream.
type StreamRecord struct {
	Event            string // INSERT, MODIFY or REMOVE
	Actor, Principal string // type and id of the AWS service that made the change; empty if a caller of DynamoDB made it
	Partition        string // the item's partition key
	Number           string // the item's sort key, in decimal
	Before, After    Item   // the item before and after the change; empty if there was none
	Stream           string // the label of the stream, which is the time of its creation
	Sequence         string // a decimal number of up to 40 digits; grows with each change of an item
	Time             time.Time
}

// An Item is an item as DynamoDB stores it.
type Item = map[string]types.AttributeValue

// maxSequenceDigits is how many digits a sequence number has at most.
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_StreamRecord.html
const maxSequenceDigits = 40

// position returns a text that is greater, byte by byte, for each later change of an
// item. A stream that was turned off and on again may number from 1, so its label
// comes first.
func (r StreamRecord) position() string {
	sequence := strings.TrimLeft(r.Sequence, "0")
	return r.Stream + "/" + strings.Repeat("0", max(0, maxSequenceDigits-len(sequence))) + sequence
}

// StreamLabel returns the label in the ARN of a stream, or "".
func StreamLabel(arn string) string {
	_, label, _ := strings.Cut(arn, "/stream/")
	return label
}
