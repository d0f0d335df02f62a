package dynamotest

import (
	"maps"
	"regexp"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// forDynalite returns a request without the two things in which dynalite 4.0.0
// deviates from DynamoDB and the store depends on them:
//
//   - It takes any two maps or lists for different. In DynamoDB they are equal if
//     their elements are ("EQ is supported for all data types, including lists and
//     maps", API reference, ComparisonOperator). Each comparison becomes a condition
//     that has the same result for the stored item.
//   - If an update copies a map to another attribute and also changes the map, the copy
//     changes, too. DynamoDB reads the item as it was before the update. The copied map
//     becomes a value of the request.
func (r sentRequest) forDynalite() sentRequest {
	switch in := r.input.(type) {
	case *dynamodb.UpdateItemInput:
		call := *in
		w := rewriting{r.stored(), maps.Clone(in.ExpressionAttributeNames), maps.Clone(in.ExpressionAttributeValues)}
		call.ConditionExpression, call.UpdateExpression = w.condition(in.ConditionExpression), w.update(in.UpdateExpression)
		call.ExpressionAttributeNames, call.ExpressionAttributeValues = w.used(aws.ToString(call.ConditionExpression) + " " + aws.ToString(call.UpdateExpression))
		r.input = &call
	case *dynamodb.DeleteItemInput:
		call := *in
		w := rewriting{r.stored(), maps.Clone(in.ExpressionAttributeNames), maps.Clone(in.ExpressionAttributeValues)}
		call.ConditionExpression = w.condition(in.ConditionExpression)
		call.ExpressionAttributeNames, call.ExpressionAttributeValues = w.used(aws.ToString(call.ConditionExpression))
		r.input = &call
	}
	return r
}

func (r sentRequest) stored() item {
	if len(r.before) == 0 {
		return nil
	}
	return r.before[0]
}

// A rewriting has the item and the placeholders of the expressions that it changes.
type rewriting struct {
	stored item
	names  map[string]string
	values item
}

const path = `#\w+(?:\.#\w+)*`

func (w rewriting) condition(expression *string) *string {
	if expression == nil {
		return nil
	}
	text := regexp.MustCompile(`(`+path+`) = (:\w+)`).ReplaceAllStringFunc(*expression, func(comparison string) string {
		operand, value, _ := strings.Cut(comparison, " = ")
		if !isCollection(w.values[value]) {
			return comparison
		}
		if is := w.at(operand); is != nil && render(item{"": is}) == render(item{"": w.values[value]}) {
			return "attribute_exists(" + operand + ")"
		}
		return "attribute_exists(" + operand + ") AND attribute_not_exists(" + operand + ")"
	})
	return &text
}

func (w rewriting) update(expression *string) *string {
	if expression == nil {
		return nil
	}
	copied := regexp.MustCompile(` = (` + path + `)(, | ADD | REMOVE |$)`)
	text := copied.ReplaceAllStringFunc(*expression, func(assignment string) string {
		parts := copied.FindStringSubmatch(assignment)
		is := w.at(parts[1])
		if !isCollection(is) {
			return assignment
		}
		name := ":copy" + strconv.Itoa(len(w.values))
		w.values[name] = is
		return " = " + name + parts[2]
	})
	return &text
}

// at returns the value at a path in the stored item, or nil.
func (w rewriting) at(path string) types.AttributeValue {
	var value types.AttributeValue = &types.AttributeValueMemberM{Value: w.stored}
	for name := range strings.SplitSeq(path, ".") {
		m, ok := value.(*types.AttributeValueMemberM)
		if !ok {
			return nil
		}
		value = m.Value[w.names[name]]
	}
	return value
}

// used returns the placeholders that are in the expressions. Others are an error.
func (w rewriting) used(expressions string) (names map[string]string, values item) {
	placeholders := map[string]bool{}
	for _, p := range regexp.MustCompile(`[#:]\w+`).FindAllString(expressions, -1) {
		placeholders[p] = true
	}
	maps.DeleteFunc(w.names, func(name, _ string) bool { return !placeholders[name] })
	maps.DeleteFunc(w.values, func(name string, _ types.AttributeValue) bool { return !placeholders[name] })
	if len(w.values) == 0 {
		w.values = nil // an empty map is an error
	}
	if len(w.names) == 0 {
		w.names = nil
	}
	return w.names, w.values
}

func isCollection(value types.AttributeValue) bool {
	switch value.(type) {
	case *types.AttributeValueMemberM, *types.AttributeValueMemberL:
		return true
	default:
		return false
	}
}
