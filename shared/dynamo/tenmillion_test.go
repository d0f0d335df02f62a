package dynamo_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/dynamo/pages"
	"github.com/latchkey-api/latchkey/shared/reqlog"
	"github.com/latchkey-api/latchkey/shared/token"
)

const tenMillion = 10_000_000

// A pattern says which of ten million ids are deleted and what a page may cost
// then. After META, a list reads segments and then buckets. If deletions are so
// uneven that it guessed the wrong segments, it reads the other ones in between.
type pattern struct {
	name     string
	deleted  func(random *rand.Rand) func(id int64) bool
	maxUnits func(pageSize int64) float64
	segments int // queries of segments
}

func upTo(units float64) func(int64) float64 { return func(int64) float64 { return units } }

func worst(pageSize int64) float64 { return float64(71 + pageSize) }

func randomly(percent int) func(*rand.Rand) func(int64) bool {
	return func(random *rand.Rand) func(int64) bool {
		return func(int64) bool { return random.IntN(100) < percent }
	}
}

func always(deleted func(id int64) bool) func(*rand.Rand) func(int64) bool {
	return func(*rand.Rand) func(int64) bool { return deleted }
}

func patterns() []pattern {
	const segment, bucket = pages.SegmentSize, pages.BucketSize
	return []pattern{
		{"none", always(func(int64) bool { return false }), upTo(4), 1},
		{"10 % at random", randomly(10), upTo(35), 1},
		{"50 % at random", randomly(50), upTo(35), 1},
		{"90 % at random", randomly(90), upTo(35), 1},
		{"all but one in each bucket", always(func(id int64) bool { return id%bucket != 7 }), worst, 1},
		{"one in each bucket", always(func(id int64) bool { return id%bucket == 7 }), worst, 1},
		{"the whole upper half", always(func(id int64) bool { return id > tenMillion/2 }), worst, 2},
		{"the whole lower half", always(func(id int64) bool { return id <= tenMillion/2 }), worst, 2},
		{"every other segment", always(func(id int64) bool { return (id-1)/segment%2 == 0 }), worst, 2},
		{"all but the ends", always(func(id int64) bool { return id > 1_000 && id <= tenMillion-1_000 }), worst, 2},
		{"all but the middle", always(func(id int64) bool { return id < 4_000_000 || id > 6_000_000 }), worst, 2},
	}
}

// Pages of ten million tokens are right and cheap, however deletions are spread.
func TestTenMillionTokens(t *testing.T) {
	t.Parallel()
	sample := exampleToken(t, 1, tenMillion)
	for n, p := range patterns() {
		t.Run(p.name, func(t *testing.T) { // not parallel: each uses 90 MB
			random := seeded(3, n)
			tenant, user := simulatedTenant()
			table := newSimulated(user, sample, tenMillion, p.deleted(random))
			recorder := new(dynamotest.CallRecorder)
			tenant = tenant.WithStore(dynamo.New(dynamotest.Client("http://simulated", table.Configure, recorder.Configure), dynamotest.Table))
			var highest float64
			for _, size := range []int64{1, 10, 100} {
				last := (int64(len(table.live))-1)/size + 1
				pages := []int64{1, (last + 1) / 2, last, 1 + random.Int64N(last)}
				if size == 10 {
					pages = append(pages, 2, last/4+1, last/2+1, last-last/4, last-1, last+1)
					for range 5 {
						pages = append(pages, 1+random.Int64N(last))
					}
				}
				for _, page := range pages {
					highest = max(highest, p.check(t, tenant, table, recorder, page, size))
				}
			}
			t.Logf("highest cost of a page: %v read units", highest)
			for _, v := range recorder.Violations() {
				t.Error("wrong call: ", v)
			}
		})
	}
}

// check reads a page and returns its read units.
func (p pattern) check(t *testing.T, tenant *dynamotest.Tenant, table *simulated, recorder *dynamotest.CallRecorder, page, size int64) float64 {
	t.Helper()
	if page < 1 {
		return 0
	}
	before := recorder.Calls()
	ctx, meter := reqlog.WithMeter(t.Context())
	got, err := tenant.List(ctx, tenant.Access, page, size)
	if err != nil {
		t.Fatalf("page %d of %d: %v", page, size, err)
	}
	want := naivePage(table.live, page, size)
	if diff := cmp.Diff(want, idsOf(got)); diff != "" || got.Total != int64(len(table.live)) {
		t.Errorf("page %d of %d: got total %d, want %d; ids -want +got:\n%s", page, size, got.Total, len(table.live), diff)
	}
	units, least := meter.Cost().ReadUnits, 3.0
	if len(want) == 0 {
		least = 1
	}
	if most := p.maxUnits(size); size <= 10 && (units < least || units > most) || units > worst(size) {
		t.Errorf("page %d of %d: got %v read units, want %v to %v", page, size, units, least, most)
	}
	buckets := map[int64]bool{}
	for _, id := range want {
		buckets[(id-1)/pages.BucketSize] = true
	}
	segments := p.segments
	if len(buckets) > 64 {
		segments = 2 // the page alone needs more segments than the first guess has
	}
	if got := recorder.Calls()["Query"] - before["Query"] - len(buckets); got > segments {
		t.Errorf("page %d of %d: got %d queries of segments, want at most %d", page, size, got, segments)
	}
	return units
}

func simulatedTenant() (*dynamotest.Tenant, token.User) {
	access := credential.NewAccessToken(1, 0)
	user := token.User{ID: 1, Name: "simulated", Role: token.RoleUser, Version: 1, Created: dynamotest.Epoch, Limits: token.DefaultLimits()}
	user.Slots[0] = token.Slot{Hash: access.Hash(), UserVersion: 1, Created: dynamotest.Epoch}
	return &dynamotest.Tenant{Access: access, Clock: new(dynamotest.Clock)}, user
}

// The simulated table answers, and charges read units, as the engine does.
func TestSimulatedTableMatchesEngine(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant := kit.Tenant(t, "simulated")
	random := seeded(4, 4)
	gone := map[int64]bool{}
	deleted := func(id int64) bool { return gone[id] }
	const given = pages.SegmentSize + 600
	for id := range int64(given + 1) {
		gone[id] = id < given-1_500 || random.IntN(3) == 0
	}
	load(t, kit, tenant, given, deleted)
	copied, user := simulatedTenant()
	table := newSimulated(user, exampleToken(t, 1, 1), given, deleted)
	copied = copied.WithStore(dynamo.New(dynamotest.Client("http://simulated", table.Configure), dynamotest.Table))
	cost := func(tenant *dynamotest.Tenant, page, size int64) string {
		ctx, meter := reqlog.WithMeter(t.Context())
		got, err := tenant.List(ctx, tenant.Access, page, size)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(meter.Cost(), got.Total, idsOf(got))
	}
	for page := range int64(40) {
		if got, want := cost(copied, page+1, 25), cost(tenant, page+1, 25); got != want {
			t.Errorf("page %d: the simulation says %s, the engine %s", page+1, got, want)
		}
	}
	checkSizes(t, kit)
}

// checkSizes compares item sizes: what a write costs shows them by the KiB.
func checkSizes(t *testing.T, kit *dynamotest.Kit) {
	t.Helper()
	client := dynamotest.Client(kit.Endpoint)
	for name, it := range shapes() {
		for pad := 0; pad < 3_000; pad += 217 {
			padded := maps.Clone(it)
			padded["pad"] = text(pad)
			padded["pk"] = &types.AttributeValueMemberS{Value: fmt.Sprint(name, pad)} // over nothing: that would cost too
			out, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{
				TableName: aws.String(dynamotest.Table), Item: padded, ReturnConsumedCapacity: "TOTAL",
			})
			if err != nil {
				t.Fatal(err)
			}
			if got, want := *out.ConsumedCapacity.CapacityUnits, float64((itemSize(padded)+1023)/1024); got != want {
				t.Errorf("%s padded by %d: the engine says %v KiB, the size rules %v", name, pad, got, want)
			}
		}
	}
}
