package dynamo_test

import (
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/event"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A token whose expiry was set after the backup is told to expire by the restored
// table, too: it has the timers, and the live table has made the schedules.
func TestRestoreFilesTimers(t *testing.T) {
	t.Parallel()
	w := newBackupWorld(t)
	l := w.newLiveWith(token.Settings{Name: new("a"), UnlimitedQuota: new(true)})
	table := w.restoreTo(w.backup(l.table))
	const due = (dynamotest.Epoch/300 + 1000) * 300
	if _, err := l.service.Update(t.Context(), l.access[0], 1, token.Settings{ExpiredTime: new(int64(due))}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := w.restore(t.Context(), l, table); err != nil {
		t.Fatal(err)
	}
	got, err := dynamo.New(w.kit.Client, table).CheckTimers(t.Context(), due/300, "", due)
	if err != nil || len(got.Events) != 1 || got.Events[0].Type != event.TokenExpired {
		t.Errorf("got %+v, %v, want token.expired", got, err)
	}
}
