package dynamo_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/history"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// TestDamageDoesNotStopFold folds the stream of two tokens, their user and the operator many times, with records
// and items of history in which something has another type, size or sign. Nothing of
// that is an error, which would repeat the batch until the stream loses its records, and
// nothing of the token without damage is lost.
func TestDamageDoesNotStopFold(t *testing.T) {
	t.Parallel()
	a := newAudited(t)
	records := busyLife(t, a)
	whole := token.Address{UserID: a.tenant.Access.UserID, ID: 1}
	rounds := uint64(150)
	if testing.Short() {
		rounds = 40
	}
	for round := range rounds {
		random := rand.New(rand.NewPCG(11, round)) //nolint:gosec // reproducible
		table := fmt.Sprint("damaged-", round)
		if err := dynamo.CreateTable(t.Context(), a.Client, table); err != nil {
			t.Fatal(err)
		}
		store := dynamo.New(a.Client, table)
		damaged := slices.Clone(records)
		for i, r := range damaged {
			if r.Number != "1" && random.IntN(3) == 0 {
				damaged[i] = damageRecord(random, r)
			}
		}
		half := random.IntN(len(damaged))
		for _, batch := range [][]dynamo.StreamRecord{damaged[:half], damaged[half:], damaged} {
			if f, err := store.Fold(t.Context(), batch, time.Now().Unix()); err != nil || f.Done != len(batch) {
				t.Fatalf("round %d: got %+v, %v", round, f, err)
			}
			if _, err := store.FileTimers(t.Context(), batch, time.Now().Unix()); err != nil {
				t.Fatalf("round %d: timers: %v", round, err)
			}
			for _, r := range batch {
				_, _ = dynamo.EventsOf(r) // an error is none of the fold; it must not panic
			}
			damageHistory(t, random, a.Kit, table)
		}
		for name, sum := range talliesOf(t, store, whole) {
			if got, want := sum.Total().Units, usedAtLast(records, whole.UserID, whole.ID); got != want {
				t.Errorf("round %d: got %d units in %s, want %d", round, got, name, want)
			}
		}
		if entries, _, err := store.Audit(t.Context(), whole.UserID, whole.ID, "", 100); err != nil || len(entries) != 4 {
			t.Errorf("round %d: got %d entries, %v, want 4", round, len(entries), err)
		}
		if _, err := a.Client.DeleteTable(t.Context(), &dynamodb.DeleteTableInput{TableName: &table}); err != nil {
			t.Fatal(err)
		}
	}
}

// busyLife uses and changes tokens 1 and 2, their user and the deployment, and returns
// the records of it.
func busyLife(t *testing.T, a *audited) []dynamo.StreamRecord {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx := token.WithOrigin(t.Context(), token.Origin{RequestID: "r", Address: "192.0.2.1"})
	at, tenant, g := a.tenant.Access, a.tenant, gate.New(a.Store, gate.WithClock(a.tenant.Clock.Now))
	for id := range int64(2) {
		_, key, err := tenant.Create(ctx, at, token.Settings{Name: new("a"), RemainQuota: new(int64(1000)), Models: []string{"m*"}, ExpiredTime: new(tenant.UnixNow() + 90*history.DaySeconds)})
		must(err)
		for n := range int64(3) {
			_, err = g.Verify(ctx, key.Reveal(), quota.Question{Model: fmt.Sprint("m", n), Quota: 5, Use: price.Use{NanoDollars: n}})
			must(err)
		}
		h, _, err := g.Hold(ctx, key.Reveal(), quota.Question{Model: "m1", Quota: 5}, 0)
		must(err)
		_, err = h.Settle(ctx, 4, price.Use{Usage: price.Usage{InputTokens: 9}})
		must(err)
		_, err = g.Reserve(ctx, key.Reveal(), quota.Question{Model: "m2", Quota: 5}, 0)
		must(err)
		_, err = tenant.Update(ctx, at, id+1, token.Settings{AllowIPs: []string{"192.0.2.0/24"}, ExpiredTime: new(tenant.UnixNow() + 30*history.DaySeconds)})
		must(err)
		_, err = tenant.SetStatus(ctx, at, id+1, true)
		must(err)
		rotation, err := tenant.NewKeyRotation(ctx, at, id+1, 60)
		must(err)
		_, err = tenant.Rotate(ctx, at, id+1, rotation)
		must(err)
	}
	must(tenant.Delete(ctx, at, 2))
	_, _, err := a.operator.SetPolicy(ctx, "alice", func(p *token.Policy) { p.MaxLifetimeSeconds = 1e8 })
	must(err)
	_, err = a.operator.SetBudget(ctx, "alice", &token.Budget{Units: 1_000_000}, func(int64, int64) {})
	must(err)
	_, err = a.Store.SetPriceFile(ctx, []byte(`{"units_per_dollar":5,"models":{"m*":{"input":"1","output":"2"}}}`), 0)
	must(err)
	records, err := a.stream.Next(t.Context())
	must(err)
	return records
}

// damageRecord changes one of the images of a record, or its time.
func damageRecord(random *rand.Rand, r dynamo.StreamRecord) dynamo.StreamRecord {
	switch random.IntN(10) {
	case 0:
		r.Time = []time.Time{{}, time.Unix(0, 0), time.Unix(1<<40, 0)}[random.IntN(3)]
	case 1:
		r.Sequence = strings.Repeat("9", 60)
	case 2, 3, 4:
		r.Before = damageItem(random, r.Before)
	default:
		r.After = damageItem(random, r.After)
	}
	return r
}

// damageItem returns an item with a bad value in it or in one of its maps.
func damageItem(random *rand.Rand, in dynamo.Item) dynamo.Item {
	out := maps.Clone(in)
	names := slices.Sorted(maps.Keys(in))
	if len(names) == 0 {
		return out
	}
	name := names[random.IntN(len(names))]
	if nested, ok := out[name].(*types.AttributeValueMemberM); ok && random.IntN(3) > 0 {
		out[name] = &types.AttributeValueMemberM{Value: damageItem(random, nested.Value)}
		return out
	}
	if _, ok := out["name"]; ok && random.IntN(10) == 0 {
		name = "name"
	}
	if out[name] = badValue(random); random.IntN(8) == 0 {
		delete(out, name)
	}
	return out
}

func badValue(random *rand.Rand) types.AttributeValue {
	numbers := []string{"-5", "-9223372036854775808", "9223372036854775807", "9007199254740993", "1.5", "0"}
	switch n := random.IntN(9); n {
	case 0:
		return &types.AttributeValueMemberS{Value: ""}
	case 1:
		return &types.AttributeValueMemberS{Value: strings.Repeat("long ", 60_000)}
	case 2:
		return &types.AttributeValueMemberB{Value: []byte{1}}
	case 3:
		return &types.AttributeValueMemberBOOL{Value: true}
	case 4:
		return &types.AttributeValueMemberL{Value: []types.AttributeValue{&types.AttributeValueMemberS{Value: "x"}, &types.AttributeValueMemberNULL{Value: true}}}
	case 5:
		return &types.AttributeValueMemberM{Value: dynamo.Item{"": &types.AttributeValueMemberN{Value: "1"}, strings.Repeat("m", 3000): &types.AttributeValueMemberN{Value: "-1"}}}
	case 6:
		return &types.AttributeValueMemberNULL{Value: true}
	default:
		return &types.AttributeValueMemberN{Value: numbers[random.IntN(len(numbers))]}
	}
}

// damageHistory changes some items that Fold wrote, apart from those of token 1.
func damageHistory(t *testing.T, random *rand.Rand, kit *dynamotest.Kit, table string) {
	t.Helper()
	page, err := kit.Client.Scan(t.Context(), &dynamodb.ScanInput{TableName: &table})
	if err != nil {
		t.Fatal(err)
	}
	for _, it := range page.Items {
		pk, _ := it[dynamo.PartitionKey].(*types.AttributeValueMemberS)
		sk, _ := it[dynamo.SortKey].(*types.AttributeValueMemberN)
		number, _ := strconv.ParseInt(sk.Value, 10, 64) // 0 for a longer one
		if strings.HasSuffix(pk.Value, "#1") || strings.HasPrefix(pk.Value, "Z#") && number%256 == 0 || random.IntN(2) == 0 {
			continue
		}
		bad := damageItem(random, it)
		bad[dynamo.PartitionKey], bad[dynamo.SortKey] = pk, sk
		if dynamotest.ItemSize(bad) > 390_000 {
			continue
		}
		if _, err := kit.Client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: bad}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDamagedHistoryIsKept damages the history of a token between two charges. The next charge counts, in an item
// that has what could be read, and, beside it, the rest; it is reported once.
func TestDamagedHistoryIsKept(t *testing.T) {
	t.Parallel()
	f := newFolded(t)
	g := gate.New(f.kit.Store, gate.WithClock(f.tenant.Clock.Now))
	spend := func(model string) dynamo.Folding {
		t.Helper()
		if v, err := g.Verify(t.Context(), f.key, quota.Question{Model: model, Quota: 5}); err != nil || !v.Valid() {
			t.Fatalf("got %+v, %v", v, err)
		}
		return f.fold(t)
	}
	spend("a")
	spend("b")
	for _, it := range historyOf(t, f.kit) {
		models, _ := it["m"].(*types.AttributeValueMemberM)
		models.Value[".a"] = &types.AttributeValueMemberS{Value: "lost"}
		if _, err := f.kit.Client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: new(dynamotest.Table), Item: it}); err != nil {
			t.Fatal(err)
		}
	}
	if got := spend("c"); got.Unreadable != 2 || got.Unread == nil || !strings.Contains(got.Unread.Error(), "attribute .a has an unexpected type") {
		t.Errorf("got %+v, want an hour and a day that can't be read", got)
	}
	if got := spend("c"); got.Unreadable != 0 || got.Written != 2 {
		t.Errorf("got %+v, want both read and written", got)
	}
	for name, sum := range talliesOf(t, f.kit.Store, token.Address{UserID: 1, ID: 1}) {
		if sum.Models["b"].Units != 5 || sum.Models["c"].Units != 10 {
			t.Errorf("%s: got %+v, want 5 units of b and 10 of c", name, sum.Models)
		}
	}
	for _, it := range historyOf(t, f.kit) {
		var got string
		dynamotest.EachText("", it["aside"], func(_, text string) { got += text + " " })
		if !strings.Contains(got, "lost") || strings.Contains(got, "Y#") {
			t.Errorf("got %q aside, want what was damaged without its key", got)
		}
	}
}

// historyOf returns the HOUR and DAY items.
func historyOf(t *testing.T, kit *dynamotest.Kit) (all []dynamo.Item) {
	t.Helper()
	page, err := kit.Client.Scan(t.Context(), &dynamodb.ScanInput{TableName: new(dynamotest.Table)})
	if err != nil {
		t.Fatal(err)
	}
	for _, it := range page.Items {
		if pk, ok := it[dynamo.PartitionKey].(*types.AttributeValueMemberS); ok && strings.ContainsRune("YZ", rune(pk.Value[0])) {
			all = append(all, it)
		}
	}
	return all
}
