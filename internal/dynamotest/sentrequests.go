package dynamotest

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/reqlog"
)

type item = map[string]types.AttributeValue

// SentRequests collects the requests with expressions that clients send, each with
// the items that it is about as they are stored before. Of requests with the same
// expressions it keeps the first few. A write of a transaction counts as a request
// of its own.
type SentRequests struct {
	mu   sync.Mutex
	seen map[string]int
	all  []sentRequest
}

type sentRequest struct {
	expressions string // identifies them: conditions and updates
	input       any    // an input of UpdateItem, PutItem, DeleteItem or Query
	before      []item
}

// maxSame is how many requests with the same expressions are kept: their values and
// items differ.
const maxSame = 4

// Configure is a client option. It reads the items through a client of its own.
func (s *SentRequests) Configure(o *dynamodb.Options) {
	plain := Client(aws.ToString(o.BaseEndpoint))
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("sentRequests",
			func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
				for _, r := range requestsOf(in.Parameters) {
					if s.isNew(shape(r.expressions)) {
						s.keep(context.WithoutCancel(ctx), plain, r)
					}
				}
				return next.HandleInitialize(ctx, in)
			}), middleware.Before)
	})
}

func (s *SentRequests) isNew(expressions string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen == nil {
		s.seen = map[string]int{}
	}
	s.seen[expressions]++
	return s.seen[expressions] <= maxSame
}

// keep reads the items before a request. If that fails, as the engine may have
// stopped, the request is not kept.
func (s *SentRequests) keep(ctx context.Context, plain *dynamodb.Client, r sentRequest) {
	ctx, _ = reqlog.WithMeter(ctx) // the test's own counts what the store reads
	var err error
	r.before, err = storedBefore(ctx, plain, r.input)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, r)
}

// requestsOf returns the requests with expressions that a call contains.
func requestsOf(input any) []sentRequest {
	switch in := input.(type) {
	case *dynamodb.UpdateItemInput:
		return []sentRequest{{expressions: "update " + joined(in.UpdateExpression, in.ConditionExpression), input: in}}
	case *dynamodb.PutItemInput:
		return []sentRequest{{expressions: "put " + joined(in.ConditionExpression), input: in}}
	case *dynamodb.DeleteItemInput:
		return []sentRequest{{expressions: "delete " + joined(in.ConditionExpression), input: in}}
	case *dynamodb.QueryInput:
		return []sentRequest{{expressions: "query " + joined(in.KeyConditionExpression), input: in}}
	case *dynamodb.TransactWriteItemsInput:
		var all []sentRequest
		for _, w := range in.TransactItems {
			all = append(all, requestsOf(alone(w))...)
		}
		return all
	default:
		return nil
	}
}

// alone returns a write of a transaction as a call of its own. A check of a
// condition becomes a deletion on that condition.
func alone(w types.TransactWriteItem) any {
	switch {
	case w.Update != nil:
		return &dynamodb.UpdateItemInput{
			Key: w.Update.Key, UpdateExpression: w.Update.UpdateExpression, ConditionExpression: w.Update.ConditionExpression,
			ExpressionAttributeNames: w.Update.ExpressionAttributeNames, ExpressionAttributeValues: w.Update.ExpressionAttributeValues,
		}
	case w.Put != nil:
		return &dynamodb.PutItemInput{
			Item: w.Put.Item, ConditionExpression: w.Put.ConditionExpression,
			ExpressionAttributeNames: w.Put.ExpressionAttributeNames, ExpressionAttributeValues: w.Put.ExpressionAttributeValues,
		}
	case w.Delete != nil:
		return &dynamodb.DeleteItemInput{
			Key: w.Delete.Key, ConditionExpression: w.Delete.ConditionExpression,
			ExpressionAttributeNames: w.Delete.ExpressionAttributeNames, ExpressionAttributeValues: w.Delete.ExpressionAttributeValues,
		}
	default:
		return &dynamodb.DeleteItemInput{
			Key: w.ConditionCheck.Key, ConditionExpression: w.ConditionCheck.ConditionExpression,
			ExpressionAttributeNames: w.ConditionCheck.ExpressionAttributeNames, ExpressionAttributeValues: w.ConditionCheck.ExpressionAttributeValues,
		}
	}
}

// shape returns expressions without the ids of operations and meters, the numbers of
// values, and the order of what is set, removed and required, which may differ each time.
func shape(expressions string) string {
	plain := regexp.MustCompile(`#[0-9a-z]{13}\b|#[0-9]+|:[0-9]+`).ReplaceAllString(expressions, "#n")
	parts := strings.FieldsFunc(plain, func(r rune) bool { return strings.ContainsRune(" ,()", r) })
	slices.Sort(parts)
	return strings.Join(parts, " ")
}

func joined(expressions ...*string) string {
	var texts []string
	for _, e := range expressions {
		texts = append(texts, aws.ToString(e))
	}
	return strings.Join(texts, " IF ")
}

// keyOf returns the key of the item that a call writes.
func keyOf(input any) item {
	var key item
	switch in := input.(type) {
	case *dynamodb.UpdateItemInput:
		key = in.Key
	case *dynamodb.DeleteItemInput:
		key = in.Key
	case *dynamodb.PutItemInput:
		key = in.Item
	}
	return item{dynamo.PartitionKey: key[dynamo.PartitionKey], dynamo.SortKey: key[dynamo.SortKey]}
}

func storedBefore(ctx context.Context, plain *dynamodb.Client, input any) ([]item, error) {
	if in, ok := input.(*dynamodb.QueryInput); ok {
		out, err := plain.Query(ctx, &dynamodb.QueryInput{
			TableName: aws.String(Table), KeyConditionExpression: aws.String(dynamo.PartitionKey + " = :partition"),
			ExpressionAttributeValues: item{":partition": in.ExpressionAttributeValues[":partition"]},
		})
		if err != nil {
			return nil, err
		}
		return out.Items, nil
	}
	out, err := plain.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String(Table), Key: keyOf(input), ConsistentRead: aws.Bool(true)})
	if err != nil || out.Item == nil {
		return nil, err
	}
	return []item{out.Item}, nil
}

// Expressions returns the conditions and updates of all kept requests.
func (s *SentRequests) Expressions() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, r := range s.all {
		_, texts, _ := strings.Cut(r.expressions, " ") // without the kind of the request
		all = append(all, strings.Split(texts, " IF ")...)
	}
	return all
}
