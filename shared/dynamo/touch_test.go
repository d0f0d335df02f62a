package dynamo_test

import (
	"context"
	"fmt"
	"net/netip"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A use is recorded at most once in an hour, and refusals whenever there are some.
// Nothing else of the token changes but the note on the write.
func TestTouch(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant := kit.Tenant(t, "touched")
	made, key, err := tenant.Create(t.Context(), tenant.Access, example())
	if err != nil {
		t.Fatal(err)
	}
	const first = dynamotest.Epoch + 10
	use := func(second int64, network string) quota.Touch {
		return quota.Touch{Use: token.LastUse{Time: second, Network: network, UserAgent: "curl"}}
	}
	refused := quota.Touch{Refusals: map[string]int64{"disabled": 2, "quota_exhausted:window:day": 1}}
	for _, tt := range []struct {
		name  string
		touch quota.Touch
		want  int64 // the second of the last use
		noted bool
	}{
		{"the first use", use(first, "203.0.113.0/24"), first, false},
		{"refusals", refused, first, true},
		{"a use within the hour, which is not written", use(first+quota.UseSeconds-1, "10.0.0.0/24"), first, true},
		{"a use from before", use(first-10_000, "10.0.0.0/24"), first, true},
		{"a use an hour later", use(first+quota.UseSeconds, "203.0.113.0/24"), first + quota.UseSeconds, false},
	} {
		before := tokenItem(t, kit, key.UserID, key.TokenID)
		if err := kit.Store.Touch(t.Context(), key, tt.touch); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		after := tokenItem(t, kit, key.UserID, key.TokenID)
		_, noted := after["did"]
		l, err := kit.Store.Lookup(t.Context(), key, first)
		if want := (token.LastUse{Time: tt.want, Network: "203.0.113.0/24", UserAgent: "curl"}); err != nil || l.LastUse != want || noted != tt.noted {
			t.Errorf("%s: got %+v, %v, with a note: %t, want %+v and %t", tt.name, l.LastUse, err, noted, want, tt.noted)
		}
		for _, it := range []item{before, after} {
			delete(it, "seen")
			delete(it, "did")
		}
		if diff := cmp.Diff(wire(before), wire(after)); diff != "" {
			t.Errorf("%s: the item changed:\n%s", tt.name, diff)
		}
	}
	got, err := tenant.Get(t.Context(), tenant.Access, made.ID)
	if err != nil || got.LastUsed().Time != first+quota.UseSeconds {
		t.Errorf("get: got %+v, %v, want the last use", got.LastUsed(), err)
	}
}

// Touching a token that is deleted, or being deleted, makes no item and is no error.
func TestTouchAfterDeletion(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant := kit.Tenant(t, "deleted")
	_, key, err := tenant.Create(t.Context(), tenant.Access, example())
	if err == nil {
		err = tenant.Delete(t.Context(), tenant.Access, key.TokenID)
	}
	for _, touch := range []quota.Touch{
		{Use: token.LastUse{Time: dynamotest.Epoch}},
		{Refusals: map[string]int64{"disabled": 1}},
	} {
		if err == nil {
			err = kit.Store.Touch(t.Context(), key, touch)
		}
		if it := tokenItem(t, kit, key.UserID, key.TokenID); err != nil || len(it) != 0 {
			t.Errorf("got %v, item %v, want neither", err, it)
		}
	}
	kit.Audit(t, key.UserID)
}

func tokenItem(t *testing.T, kit *dynamotest.Kit, userID, id int64) item {
	t.Helper()
	out, err := dynamotest.Client(kit.Endpoint).GetItem(t.Context(), &dynamodb.GetItemInput{
		TableName: aws.String(dynamotest.Table), ConsistentRead: aws.Bool(true),
		Key: item{"pk": &types.AttributeValueMemberS{Value: fmt.Sprintf("T#%d#0", userID)}, "sk": &types.AttributeValueMemberN{Value: fmt.Sprint(id)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.Item
}

// With records of uses, an operation costs one write unit and one round trip more
// once in an hour, and nothing else. A refusal costs that once in a minute. A key
// that is not known costs nothing.
func TestUseRecordCosts(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant := kit.Tenant(t, "unit")
	newGate := func() *gate.Gate {
		return gate.New(kit.StoreWith(), gate.WithClock(tenant.Clock.Now), gate.WithUseRecords())
	}
	g, other := newGate(), newGate()
	settings := example()
	settings.RemainQuota = new(int64(100))
	_, key, err := tenant.Create(t.Context(), tenant.Access, settings)
	if err != nil {
		t.Fatal(err)
	}
	from := quota.Origin{IP: netip.MustParseAddr("203.0.113.7"), UserAgent: "curl/8.5.0"}
	verify := func(g *gate.Gate, q quota.Question, want quota.Refusal) func(context.Context) error {
		return func(ctx context.Context) error {
			q.From = from
			return expectRefusal(verdictError(g.Verify(ctx, key.Reveal(), q)), want)
		}
	}
	check, spend, tooMuch := quota.Question{Model: "gpt-4o"}, quota.Question{Quota: 1}, quota.Question{Quota: 1000}
	wrongModel := quota.Question{Model: "o9"}
	for _, step := range []struct {
		after int64 // seconds
		row
	}{
		{0, row{"the first check of a token", 1, 1, 1, 2, verify(g, check, "")}},
		{0, row{"a check", 1, 1, 0, 1, verify(g, check, "")}},
		{0, row{"a check in another process", 1, 1, 0, 1, verify(other, check, "")}},
		{0, row{"a spend", 0, 0, 1, 1, verify(g, spend, "")}},
		{quota.UseSeconds, row{"a spend an hour later", 0, 0, 2, 2, verify(g, spend, "")}},
		{0, row{"a spend after that", 0, 0, 1, 1, verify(g, spend, "")}},
		{0, row{"usage", 1, 1, 0, 1, func(ctx context.Context) error {
			_, err := g.Usage(ctx, key.Reveal(), from)
			return err
		}}},
		{quota.UseSeconds, row{"usage an hour later", 1, 1, 1, 2, func(ctx context.Context) error {
			_, err := g.Usage(ctx, key.Reveal(), from)
			return err
		}}},
		{0, row{"the first refused check of a process", 1, 1, 1, 2, verify(g, wrongModel, quota.RefusedModel)}},
		{0, row{"a refused check", 1, 1, 0, 1, verify(g, wrongModel, quota.RefusedModel)}},
		{59, row{"a refused spend within the minute", 0, 0, 1, 1, verify(g, tooMuch, quota.RefusedExhausted)}},
		{1, row{"a refused spend a minute later", 0, 0, 2, 2, verify(g, tooMuch, quota.RefusedExhausted)}},
		{0, row{"a key that no token has", 1, 1, 0, 1, func(ctx context.Context) error {
			return expect(verdictError(g.Verify(ctx, credential.NewKey(key.UserID, key.TokenID).Reveal(), check)), quota.RefusedUnknown.Err())
		}}},
	} {
		tenant.Clock.Advance(step.after)
		step.check(t)
	}
}

func expectRefusal(err error, want quota.Refusal) error {
	if want == "" {
		return err
	}
	return expect(err, want.Err())
}

// The last use makes an item larger by this much: docs/data-plane.md says so.
func TestLastUseSize(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant := kit.Tenant(t, "size")
	_, key, err := tenant.Create(t.Context(), tenant.Access, example())
	if err != nil {
		t.Fatal(err)
	}
	size := func() int { return itemSize(tokenItem(t, kit, key.UserID, key.TokenID)) }
	before := size()
	u := (quota.Origin{IP: netip.MustParseAddr("2001:db8:1:2::3"), UserAgent: "python-requests/2.31.0"}).Use(dynamotest.Epoch)
	if err := kit.Store.Touch(t.Context(), key, quota.Touch{Use: u}); err != nil {
		t.Fatal(err)
	}
	if got := size() - before; got > 50 {
		t.Errorf("got %d bytes more, want at most 50", got)
	}
}
