package dynamo_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/narrow"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A deleted token has returned its block to the live wallet, so the restored one
// must not return it again.
func TestRestoredBlockIsReturnedOnce(t *testing.T) {
	t.Parallel()
	w := newBackupWorld(t)
	ctx, l := t.Context(), w.newLiveWith(token.Settings{Name: new("app"), RemainQuota: new(int64(100))})
	if err := all(budgeting(640), spending(10))(l, ctx); err != nil {
		t.Fatal(err)
	}
	table := w.restoreTo(w.backup(l.table))
	if err := l.service.Delete(ctx, l.access[0], 1, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := w.restore(ctx, l, table); err != nil {
		t.Fatal(err)
	}
	was, _ := l.store.Wallet(ctx, 1)
	is, err := dynamo.New(w.kit.Client, table).Wallet(ctx, 1)
	if err != nil || is.Left != was.Left || is.Gone != was.Gone {
		t.Errorf("got %d units left and %d gone, %v; want %d and %d", is.Left, is.Gone, err, was.Left, was.Gone)
	}
}

// A restored table that has traffic is refused, and what its requests wrote stays.
func TestRestoreSeesTraffic(t *testing.T) {
	t.Parallel()
	w := newBackupWorld(t)
	ctx, l := t.Context(), w.newLiveWith(token.Settings{Name: new("app"), RemainQuota: new(int64(100))})
	table := w.restoreTo(w.backup(l.table))
	restored := dynamo.New(w.kit.Client, table)
	if err := spending(10)(l, ctx); err != nil {
		t.Fatal(err)
	}
	faults := &dynamotest.Faults{Choose: func(op string, _ int) dynamotest.Fault {
		if op == "PutItem" { // just before the token is written
			o := quota.OperationAt(quota.KindSpend, l.clock.Now())
			o.Quota = 60
			if _, err := restored.Do(context.WithoutCancel(ctx), l.firstKey(), o); err != nil {
				t.Error(err)
			}
		}
		return dynamotest.NoFault
	}}
	if _, err := w.restore(ctx, l, table, faults.Configure); !errors.Is(err, token.ErrContention) {
		t.Errorf("got %v, want %v", err, token.ErrContention)
	}
	if found, err := restored.Lookup(ctx, l.firstKey(), l.clock.Now().Unix()); err != nil || found.UsedQuota != 60 {
		t.Errorf("got %d units used, %v; want those of the request", found.UsedQuota, err)
	}
}

// Tables that can't be a live one and its backup are refused, and nothing changes.
func TestRestoreRefuses(t *testing.T) {
	t.Parallel()
	w := newBackupWorld(t)
	ctx, l := t.Context(), w.newLive()
	l.addUser(w)
	older := w.restoreTo(w.backup(l.table))
	if _, err := l.service.Create(ctx, l.access[0], []token.Settings{{Name: new("app")}}, nil); err != nil {
		t.Fatal(err)
	}
	other := w.newLive()
	other.clock.Advance(5)
	other.addUser(w)
	for _, c := range []struct {
		name, from, to string
		want           error
	}{
		{"swapped", older, l.table, dynamo.ErrRestoredIsNewer},
		{"another deployment", l.table, other.table, dynamo.ErrOtherDeployment},
		{"an empty table", l.table, w.newTable(), dynamo.ErrNoUsers},
		{"an empty live table", w.newTable(), l.table, dynamo.ErrNoUsers},
	} {
		before := w.contents(c.to)
		_, err := dynamo.New(w.kit.Client, c.to).Restore(ctx, dynamo.Restore{Live: dynamo.New(w.kit.Client, c.from), Now: dynamotest.Epoch})
		if !errors.Is(err, c.want) || !cmp.Equal(before, w.contents(c.to), attributeValues()) {
			t.Errorf("%s: got %v, want %v and no change", c.name, err, c.want)
		}
	}
}

// Differences of a kind that the operator skips stay as in the backup.
func TestRestoreSkips(t *testing.T) {
	t.Parallel()
	w := newBackupWorld(t)
	for name, c := range restoreCases() {
		if !slices.Contains(narrow.Skippable(), c.kind) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			ctx, l := t.Context(), w.newLiveWith(token.Settings{Name: new("app"), RemainQuota: new(int64(100))})
			if c.before != nil {
				if err := c.before(l, ctx); err != nil {
					t.Fatal(err)
				}
			}
			restored := dynamo.New(w.kit.Client, w.restoreTo(w.backup(l.table)))
			if err := c.change(l, ctx); err != nil {
				t.Fatal(err)
			}
			skip := []narrow.Kind{c.kind, narrow.Disabled} // stopped keys are of both kinds
			report, err := restored.Restore(ctx, dynamo.Restore{Live: l.store, Skip: skip, Now: l.clock.Now().Unix()})
			if err != nil || (report.Changed[c.kind] != 0) != c.always {
				t.Errorf("got %v, %v; want a change of kind %s: %v", report.Changed, err, c.kind, c.always)
			}
			if c.always {
				compareTables(t, l, restored)
			}
		})
	}
}

// If the operator keeps the budget of the backup, what was used since still counts.
func TestSkippedBudgetCountsUse(t *testing.T) {
	t.Parallel()
	w := newBackupWorld(t)
	ctx, l := t.Context(), w.newLiveWith(token.Settings{Name: new("app"), UnlimitedQuota: new(true)})
	if err := all(budgeting(640), spending(10))(l, ctx); err != nil {
		t.Fatal(err)
	}
	restored := dynamo.New(w.kit.Client, w.restoreTo(w.backup(l.table)))
	if err := all(spending(500), budgeting(600))(l, ctx); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := restored.Restore(ctx, dynamo.Restore{Live: l.store, Skip: []narrow.Kind{narrow.Budgets}, Now: l.clock.Now().Unix()}); err != nil {
			t.Fatal(err)
		}
		_, h, err := (&token.UserService{Store: restored, Now: l.clock.Now}).Holdings(ctx, l.names[0])
		if err != nil || h.Units != 640 || h.Used != 510 || h.Missing != 0 {
			t.Errorf("got %+v, %v; want a budget of 640 of which 510 are used", h, err)
		}
	}
}

// The key of another system goes with a token that was deleted.
func TestRestoreRemovesForeignKey(t *testing.T) {
	t.Parallel()
	w := newBackupWorld(t)
	ctx, l := t.Context(), w.newLive()
	l.addUser(w)
	key := "sk-" + strings.Repeat("foreign", 5)
	hash := credential.ForeignKey(credential.NewSecret(key), 0, 0).Hash()
	imported := token.ForeignToken{Settings: token.Settings{Name: new("app")}, Hash: hash, Mask: credential.ForeignMask(key), From: "litellm"}
	if _, err := l.users.ImportTokens(ctx, l.names[0], []token.ForeignToken{imported}); err != nil {
		t.Fatal(err)
	}
	table := w.restoreTo(w.backup(l.table))
	if err := l.service.Delete(ctx, l.access[0], 1, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := w.restore(ctx, l, table); err != nil {
		t.Fatal(err)
	}
	if _, err := dynamo.New(w.kit.Client, table).FindForeignKey(ctx, key); !errors.Is(err, quota.ErrKeyUnknown) {
		t.Errorf("got %v, want %v", err, quota.ErrKeyUnknown)
	}
}

// Swapped tables are refused also if no token was created since the backup: the live
// table is the older one.
func TestRestoreRefusesAnOlderTable(t *testing.T) {
	t.Parallel()
	w := newBackupWorld(t)
	ctx, l := t.Context(), w.newLive()
	l.addUser(w)
	if _, err := l.service.Create(ctx, l.access[0], []token.Settings{{Name: new("app")}}, nil); err != nil {
		t.Fatal(err)
	}
	backup := w.restoreTo(w.backup(l.table))
	if _, err := l.service.Rotate(ctx, l.access[0], 1, token.KeyRotation{}); err != nil {
		t.Fatal(err)
	}
	before := w.contents(l.table)
	hourAgo := func(o *dynamodb.Options) { o.HTTPClient = aged{o.HTTPClient, time.Hour} }
	store := dynamo.New(dynamotest.Client(w.kit.Endpoint, hourAgo), l.table)
	_, err := store.Restore(ctx, dynamo.Restore{Live: dynamo.New(w.kit.Client, backup), Now: dynamotest.Epoch})
	if !errors.Is(err, dynamo.ErrRestoredIsOlder) || !cmp.Equal(before, w.contents(l.table), attributeValues()) {
		t.Errorf("got %v, want %v and no change", err, dynamo.ErrRestoredIsOlder)
	}
}

// An aged client sees tables as created by that much earlier. The engine counts
// whole seconds, in which a test is done.
type aged struct {
	next dynamodb.HTTPClient
	by   time.Duration
}

func (a aged) Do(r *http.Request) (*http.Response, error) {
	resp, err := a.next.Do(r)
	if err != nil || !strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".DescribeTable") {
		return resp, err
	}
	text, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	var described struct{ Table map[string]any }
	if err == nil {
		err = json.Unmarshal(text, &described)
	}
	if err != nil {
		return nil, err
	}
	seconds, _ := described.Table["CreationDateTime"].(float64)
	described.Table["CreationDateTime"] = seconds - a.by.Seconds()
	text, err = json.Marshal(described)
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	resp.Header.Del("X-Amz-Crc32")
	return resp, err
}
