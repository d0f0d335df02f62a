package dynamo_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/dynamo/stream"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/webhook"
)

// The audit trail of a restored table has each webhook that the restore has changed or
// deleted, by the operator, with what changed. A restore that finds nothing to do adds
// nothing.
func TestRestoredWebhooksAreAudited(t *testing.T) {
	t.Parallel()
	w := newBackupWorld(t)
	l, ctx := w.newLiveWith(token.Settings{Name: new("app")}), t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		must(hooking()(l, ctx))
	}
	backup := w.backup(l.table)
	_, err := l.hooks().Update(ctx, l.access[0], 1, webhook.Settings{Disabled: new(true), URL: new("https://example.com/new?token=abc")})
	must(err)
	must(l.hooks().Delete(ctx, l.access[0], 2))
	table := w.restoreTo(backup)
	restored := dynamo.New(w.kit.Client, table)
	must(dynamo.SetStream(ctx, w.kit.Client, table, true))
	reader := stream.New(w.kit.Client, table)
	for range 2 {
		_, err = w.restore(ctx, l, table)
		must(err)
	}
	records, err := reader.Next(ctx)
	must(err)
	f, err := restored.Fold(ctx, records, l.clock.Now().Unix())
	must(err)
	entries, _, err := restored.Audit(ctx, 1, 0, "", 100)
	must(err)
	var got []string
	for _, e := range entries {
		if strings.HasPrefix(e.Action, "webhook.") {
			got = append(got, line(e))
		}
	}
	want := []string{
		`webhook.deleted 1/0 by operator; url "https://example.com/"→`,
		`webhook.restored 1/0 by operator; url "https://example.com/"→"https://example.com/new?…"; status 1→2; disabled_reason ""→"user"`,
	}
	if diff := cmp.Diff(want, got); diff != "" || f.Unreadable > 0 {
		t.Errorf("%d unreadable; entries (-want +got):\n%s", f.Unreadable, diff)
	}
	if text := fmt.Sprint(entries); strings.Contains(text, "abc") || strings.Contains(text, webhook.SecretPrefix) {
		t.Errorf("got a secret in %s", text)
	}
}
