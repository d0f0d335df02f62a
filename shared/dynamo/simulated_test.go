package dynamo_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/dynamo/pages"
	"github.com/latchkey-api/latchkey/shared/token"
)

type item = map[string]types.AttributeValue

// A simulated table has one user with many tokens. It stores only which ids are
// deleted, and makes an item when it is read.
type simulated struct {
	sample token.Token // every token is a copy with another id
	meta   token.User
	live   []int64 // ids in ascending order
	alive  []bool  // by id
	counts []pages.Segment
}

func newSimulated(user token.User, sample token.Token, given int64, deleted func(id int64) bool) *simulated {
	s := &simulated{sample: sample, meta: user, alive: make([]bool, given+1), counts: make([]pages.Segment, (given-1)/pages.SegmentSize+1)}
	s.live = make([]int64, 0, given)
	for id := int64(1); id <= given; id++ {
		if !deleted(id) {
			s.alive[id] = true
			s.live = append(s.live, id)
			continue
		}
		s.counts[(id-1)/pages.SegmentSize][(id-1)%pages.SegmentSize/pages.BucketSize]++
	}
	s.meta.LastTokenID, s.meta.DeletedTokens = given, given-int64(len(s.live))
	return s
}

// get makes an item; it is nil if there is none.
func (s *simulated) get(partition string, sk int64) item {
	switch {
	case strings.HasPrefix(partition, "T#"):
		if sk < 1 || sk >= int64(len(s.alive)) || !s.alive[sk] {
			return nil
		}
		t := s.sample
		t.ID = sk
		return dynamo.TokenItem(t)
	case sk == 0:
		return dynamo.MetaItem(s.meta, s.counts[0])
	case sk < int64(len(s.counts)) && s.counts[sk] != pages.Segment{}:
		return dynamo.SegItem(s.meta.ID, sk, s.counts[sk])
	default:
		return nil
	}
}

// Configure makes a client use the simulated table.
func (s *simulated) Configure(o *dynamodb.Options) { o.HTTPClient = s }

// Do answers GetItem and Query as DynamoDB does.
func (s *simulated) Do(r *http.Request) (*http.Response, error) {
	var in struct {
		Key                                 map[string]wireValue
		ExpressionAttributeValues           map[string]wireValue
		KeyConditionExpression              string
		ScanIndexForward, ConsistentRead    bool
		Limit                               int
		ExclusiveStartKey, FilterExpression json.RawMessage
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return nil, err
	}
	const span = "pk = :partition AND sk BETWEEN :lo AND :hi"
	_, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	switch {
	case !in.ConsistentRead || in.ExclusiveStartKey != nil || in.FilterExpression != nil:
		return nil, fmt.Errorf("this form of %s is not simulated", op)
	case op == "GetItem":
		it := s.get(in.Key["pk"].S, in.Key["sk"].int())
		return reply(map[string]any{"Item": wire(it)}, itemSize(it))
	case op == "Query" && in.KeyConditionExpression == span:
		v := in.ExpressionAttributeValues
		return s.query(v[":partition"].S, v[":lo"].int(), v[":hi"].int(), in.Limit, in.ScanIndexForward)
	default:
		return nil, fmt.Errorf("%s %s is not simulated", op, in.KeyConditionExpression)
	}
}

func (s *simulated) query(partition string, lo, hi int64, limit int, ascending bool) (*http.Response, error) {
	at, step := hi, int64(-1)
	if ascending {
		at, step = lo, 1
	}
	items, size := []any{}, 0
	out := map[string]any{}
	for ; lo <= at && at <= hi; at += step {
		it := s.get(partition, at)
		if it == nil {
			continue
		}
		items = append(items, wire(it))
		if size += itemSize(it); size > 1<<20 {
			return nil, fmt.Errorf("a query reads more than 1 MiB: DynamoDB would answer in pages")
		}
		if len(items) == limit {
			out["LastEvaluatedKey"] = wire(item{"pk": it["pk"], "sk": it["sk"]})
			break
		}
	}
	out["Items"] = items
	return reply(out, size)
}

// reply adds the read units: one for every 4 KiB or part of it, at least one.
func reply(out map[string]any, size int) (*http.Response, error) {
	out["ConsumedCapacity"] = map[string]any{"CapacityUnits": readUnits(size)}
	body, err := json.Marshal(out)
	return &http.Response{
		StatusCode: http.StatusOK,
		Header:     http.Header{"Content-Type": {"application/x-amz-json-1.0"}},
		Body:       io.NopCloser(bytes.NewReader(body)),
	}, err
}

func readUnits(size int) int { return max(1, (size+4095)/4096) }

// itemSize is the size of an item in bytes by the rules of the AWS page
// "DynamoDB item sizes and formats".
func itemSize(it item) int {
	n := 0
	for name, value := range it {
		n += len(name) + valueSize(value)
	}
	return n
}

func valueSize(value types.AttributeValue) int {
	const container = 3 // plus one for each element
	switch v := value.(type) {
	case *types.AttributeValueMemberS:
		return len(v.Value)
	case *types.AttributeValueMemberB:
		return len(v.Value)
	case *types.AttributeValueMemberN:
		digits := strings.Trim(strings.TrimLeft(v.Value, "-"), "0") // zeros at both ends are not stored
		return (len(digits)+1)/2 + 1
	case *types.AttributeValueMemberBOOL:
		return 1
	case *types.AttributeValueMemberL:
		n := container
		for _, e := range v.Value {
			n += 1 + valueSize(e)
		}
		return n
	case *types.AttributeValueMemberM:
		n := container
		for name, e := range v.Value {
			n += 1 + len(name) + valueSize(e)
		}
		return n
	default:
		panic(fmt.Sprintf("no size for %T", value))
	}
}

type wireValue struct{ S, N string }

func (v wireValue) int() int64 {
	n, _ := strconv.ParseInt(v.N, 10, 64) // the SDK wrote it
	return n
}

// wire returns an item in DynamoDB's JSON form.
func wire(it item) map[string]any {
	if it == nil {
		return nil
	}
	out := make(map[string]any, len(it))
	for name, value := range it {
		out[name] = wireOf(value)
	}
	return out
}

func wireOf(value types.AttributeValue) map[string]any {
	switch v := value.(type) {
	case *types.AttributeValueMemberS:
		return map[string]any{"S": v.Value}
	case *types.AttributeValueMemberN:
		return map[string]any{"N": v.Value}
	case *types.AttributeValueMemberB:
		return map[string]any{"B": base64.StdEncoding.EncodeToString(v.Value)}
	case *types.AttributeValueMemberBOOL:
		return map[string]any{"BOOL": v.Value}
	case *types.AttributeValueMemberL:
		all := make([]any, len(v.Value))
		for i, e := range v.Value {
			all[i] = wireOf(e)
		}
		return map[string]any{"L": all}
	case *types.AttributeValueMemberM:
		return map[string]any{"M": wire(v.Value)}
	default:
		panic(fmt.Sprintf("no wire form for %T", value))
	}
}
