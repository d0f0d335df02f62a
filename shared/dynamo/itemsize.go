package dynamo

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// sizeOf returns the bytes that DynamoDB counts for an item.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
func sizeOf(it item) int {
	n := 0
	for name, value := range it {
		n += len(name) + sizeOfValue(value)
	}
	return n
}

// containerBytes is what a list or a map takes, and one more for each element.
const containerBytes = 3

func sizeOfValue(value types.AttributeValue) int {
	switch v := value.(type) {
	case *types.AttributeValueMemberS:
		return len(v.Value)
	case *types.AttributeValueMemberB:
		return len(v.Value)
	case *types.AttributeValueMemberN:
		digits := strings.Trim(strings.TrimLeft(v.Value, "-"), "0") // zeros at both ends are not stored
		return (len(digits)+1)/2 + 1
	case *types.AttributeValueMemberL:
		n := containerBytes + len(v.Value)
		for _, e := range v.Value {
			n += sizeOfValue(e)
		}
		return n
	case *types.AttributeValueMemberM:
		return containerBytes + len(v.Value) + sizeOf(v.Value)
	default: // a truth value; the store writes no other type
		return 1
	}
}

// writeUnits returns the units of a write that leaves or replaces items of these
// sizes: one for each KiB of the larger, and at least one.
func writeUnits(items ...item) float64 {
	largest := 1
	for _, it := range items {
		largest = max(largest, sizeOf(it))
	}
	return float64((largest + 1023) / 1024)
}
