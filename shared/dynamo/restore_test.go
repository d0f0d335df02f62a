package dynamo_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A backupWorld has a live table and tables that are restored from a backup of it.
type backupWorld struct {
	t      testing.TB
	kit    *dynamotest.Kit
	tables int
}

func newBackupWorld(t *testing.T) *backupWorld { return &backupWorld{t: t, kit: dynamotest.New(t)} }

// newTable makes an empty table.
func (w *backupWorld) newTable() string {
	w.tables++
	name := fmt.Sprintf("table-%d", w.tables)
	if err := dynamo.CreateTable(w.t.Context(), w.kit.Client, name); err != nil {
		w.t.Fatal(err)
	}
	return name
}

// backup returns all items of a table.
func (w *backupWorld) backup(table string) []item {
	w.t.Helper()
	var all []item
	pages := dynamodb.NewScanPaginator(w.kit.Client, &dynamodb.ScanInput{TableName: &table})
	for pages.HasMorePages() {
		page, err := pages.NextPage(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, page.Items...)
	}
	return all
}

// restoreTo returns a new table with the items of a backup.
func (w *backupWorld) restoreTo(items []item) string {
	w.t.Helper()
	name := w.newTable()
	for len(items) > 0 {
		n := min(len(items), 25)
		var writes []types.WriteRequest
		for _, it := range items[:n] {
			writes = append(writes, types.WriteRequest{PutRequest: &types.PutRequest{Item: it}})
		}
		if _, err := w.kit.Client.BatchWriteItem(w.t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{name: writes}}); err != nil {
			w.t.Fatal(err)
		}
		items = items[n:]
	}
	return name
}

// contents returns the items of a table by their keys.
func (w *backupWorld) contents(table string) map[string]item {
	all := map[string]item{}
	for _, it := range w.backup(table) {
		all[fmt.Sprint(it["pk"].(*types.AttributeValueMemberS).Value, "|", it["sk"].(*types.AttributeValueMemberN).Value)] = it
	}
	return all
}

// attributeValues lets cmp compare the attributes of items.
func attributeValues() cmp.Option {
	return cmpopts.IgnoreUnexported(types.AttributeValueMemberS{}, types.AttributeValueMemberN{}, types.AttributeValueMemberM{},
		types.AttributeValueMemberL{}, types.AttributeValueMemberB{}, types.AttributeValueMemberBOOL{})
}

// A liveTable is a table with every credential that was issued for it.
type liveTable struct {
	table   string
	store   *dynamo.Store
	clock   *dynamotest.Clock
	service *token.Service
	users   *token.UserService
	names   []string
	access  []credential.AccessToken
	keys    []credential.Key
	holds   []openHold
}

type openHold struct {
	key credential.Key
	id  string
}

func (w *backupWorld) newLive() *liveTable {
	l := &liveTable{table: w.newTable(), clock: new(dynamotest.Clock)}
	l.store = dynamo.New(w.kit.Client, l.table)
	l.service = &token.Service{Store: l.store, Now: l.clock.Now}
	l.users = &token.UserService{Store: l.store, Now: l.clock.Now}
	return l
}

// newLiveWith returns a live table with a user who has these tokens. l.keys has the
// key of the first one.
func (w *backupWorld) newLiveWith(tokens ...token.Settings) *liveTable {
	w.t.Helper()
	l := w.newLive()
	l.addUser(w)
	made, err := l.service.Create(w.t.Context(), l.access[0], tokens, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	l.keys = append(l.keys, made[0].Key)
	return l
}

// restore runs a Restore of the live table's backup.
func (w *backupWorld) restore(ctx context.Context, l *liveTable, table string, options ...func(*dynamodb.Options)) (dynamo.RestoreReport, error) {
	r := dynamo.Restore{Live: l.store, Now: l.clock.Now().Unix()}
	return dynamo.New(dynamotest.Client(w.kit.Endpoint, options...), table).Restore(ctx, r)
}

// TestRestore checks, for random tables and changes, that the restored table accepts
// no key and no access token that the live one refuses, and that no token has more
// left in it, now or later.
func TestRestore(t *testing.T) {
	t.Parallel()
	w := newBackupWorld(t)
	rapid.Check(t, func(rt *rapid.T) {
		l := w.newLive()
		act(rt, w, l, 12)
		backup := w.backup(l.table)
		act(rt, w, l, 15)
		restored := w.restoreTo(backup)
		if _, err := w.restore(w.t.Context(), l, restored); err != nil {
			rt.Fatalf("restore: %v", err)
		}
		compareTables(rt, l, dynamo.New(w.kit.Client, restored))
		first := w.contents(restored)
		report, err := w.restore(w.t.Context(), l, restored)
		if err != nil {
			rt.Fatalf("second restore: %v", err)
		}
		if len(report.Changed) > 0 || !cmp.Equal(first, w.contents(restored), attributeValues()) {
			rt.Fatalf("the second restore changed %v:\n%s", report.Changed, cmp.Diff(first, w.contents(restored), attributeValues()))
		}
	})
}

// compareTables checks that a restored table allows nothing that the live one does
// not allow.
func compareTables(rt fataler, l *liveTable, restored *dynamo.Store) {
	ctx := context.Background()
	service := &token.Service{Store: restored, Now: l.clock.Now}
	for _, at := range l.access {
		if errLive, err := l.service.Authorize(ctx, at), service.Authorize(ctx, at); err == nil && errLive != nil {
			rt.Fatalf("an access token of user %d is accepted; the live table says %v", at.UserID, errLive)
		}
	}
	now := l.clock.Now().Unix()
	for _, key := range l.keys {
		was, errLive := l.store.Lookup(ctx, key, now)
		is, err := restored.Lookup(ctx, key, now)
		switch {
		case err != nil && !errors.Is(err, quota.ErrKeyUnknown):
			rt.Fatal(err)
		case err != nil:
			continue
		case errLive != nil:
			rt.Fatalf("a key of token %d/%d is known; the live table says %v", key.UserID, key.TokenID, errLive)
		}
		for _, later := range []int64{0, 61, 3601, 90_000, 40 * 86_400} {
			compareTokens(rt, was, is, key, now+later)
		}
	}
}

func compareTokens(rt fataler, was, is quota.Ledger, key credential.Key, now int64) {
	at := fmt.Sprintf("token %d/%d at %d", key.UserID, key.TokenID, now-dynamotest.Epoch)
	if is.AcceptsKey(key.Hash(), now) && !was.AcceptsKey(key.Hash(), now) {
		rt.Fatalf("%s: the key is accepted again", at)
	}
	if is.StatusAt(now) == token.Enabled && was.StatusAt(now) != token.Enabled {
		rt.Fatalf("%s: the status is enabled, in the live table %d", at, was.StatusAt(now))
	}
	for _, model := range []string{"", "gpt-4o", "gpt-5", "gpt-5-mini", "claude"} {
		if model != "" && is.AllowsModel(model) && !was.AllowsModel(model) {
			rt.Fatalf("%s: model %s is allowed again", at, model)
		}
		if is, was := is.FreeFor(model, now), was.FreeFor(model, now); is > max(0, was) {
			rt.Fatalf("%s: %d units are left for model %q, in the live table %d", at, is, model, was)
		}
	}
	for _, ip := range []string{"10.0.0.1", "10.1.0.1", "192.0.2.1", "2001:db8::1"} {
		if allowsAddress(is, ip) && !allowsAddress(was, ip) {
			rt.Fatalf("%s: address %s is allowed again", at, ip)
		}
	}
	for _, r := range []struct{ is, was, isTAT, wasTAT int64 }{
		{is.RequestsPerMinute, was.RequestsPerMinute, is.RequestTAT, was.RequestTAT},
		{is.UnitsPerMinute, was.UnitsPerMinute, is.UnitTAT, was.UnitTAT},
	} {
		if paceLeft(r.is, r.isTAT, now) > paceLeft(r.was, r.wasTAT, now) {
			rt.Fatalf("%s: a rate of %d has more left than the live one of %d", at, r.is, r.was)
		}
	}
	if was.MaxConcurrent > 0 && (is.MaxConcurrent == 0 || is.MaxConcurrent > was.MaxConcurrent) {
		rt.Fatalf("%s: %d open holds are allowed, in the live table %d", at, is.MaxConcurrent, was.MaxConcurrent)
	}
	if is.UsedAt(now) < was.UsedAt(now) {
		rt.Fatalf("%s: %d units are used, in the live table %d", at, is.UsedAt(now), was.UsedAt(now))
	}
}

func allowsAddress(l quota.Ledger, ip string) bool {
	addr := netip.MustParseAddr(ip)
	return len(l.AllowIPs) == 0 || len(quota.Networks(addr)) > 0 && containsAny(l.AllowIPs, quota.Networks(addr))
}

func containsAny(all, some []string) bool {
	for _, s := range some {
		for _, a := range all {
			if a == s {
				return true
			}
		}
	}
	return false
}

func paceLeft(perMinute, tat, now int64) int64 {
	if perMinute == 0 {
		return token.MaxInteger
	}
	left, _ := quota.PaceOf(perMinute).Left(tat, now*int64(time.Second))
	return left
}

// A Restore that is killed at any write, and repeated, has the same result.
func TestKilledRestore(t *testing.T) {
	t.Parallel()
	w := newBackupWorld(t)
	rapid.Check(t, func(rt *rapid.T) {
		l := w.newLive()
		act(rt, w, l, 8)
		backup := w.backup(l.table)
		act(rt, w, l, 12)
		whole, killed := w.restoreTo(backup), w.restoreTo(backup)
		if _, err := w.restore(w.t.Context(), l, whole); err != nil {
			rt.Fatalf("restore: %v", err)
		}
		ctx, kill := context.WithCancel(w.t.Context())
		defer kill()
		var writes atomic.Int64
		at := rapid.Int64Range(1, 20).Draw(rt, "killed at")
		fault := rapid.SampledFrom([]dynamotest.Fault{dynamotest.LostBefore, dynamotest.LostAfter}).Draw(rt, "fault")
		faults := &dynamotest.Faults{Choose: func(op string, _ int) dynamotest.Fault {
			if op == dynamotest.Query || op == dynamotest.GetItem || op == dynamotest.BatchGetItem || writes.Add(1) != at {
				return dynamotest.NoFault
			}
			kill()
			return fault
		}}
		_, _ = w.restore(ctx, l, killed, faults.Configure)
		if _, err := w.restore(w.t.Context(), l, killed); err != nil {
			rt.Fatalf("repeated restore: %v", err)
		}
		if diff := cmp.Diff(w.contents(whole), w.contents(killed), attributeValues()); diff != "" {
			rt.Fatalf("-whole +killed:\n%s", diff)
		}
	})
}

type fataler interface {
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}
