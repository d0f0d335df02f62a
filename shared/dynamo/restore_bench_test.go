package dynamo_test

import (
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/token"
)

// BenchmarkRestore restores a user with 10,000 tokens whose keys were all stopped
// since the backup, so that each of them is written.
func BenchmarkRestore(b *testing.B) {
	const tokens = 10_000
	kit := dynamotest.New(b)
	tenant := kit.Tenant(b, "alice")
	if _, _, err := tenant.Create(b.Context(), tenant.Access, token.Settings{Name: new("app"), RemainQuota: new(int64(100))}); err != nil {
		b.Fatal(err)
	}
	kit.CopyFirstToken(b, tenant, tokens-1)
	w := &backupWorld{t: b, kit: kit}
	backup := w.backup(dynamotest.Table)
	users := &token.UserService{Store: kit.Store, Now: tenant.Clock.Now}
	if _, err := users.Disable(b.Context(), "alice", true, nil); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		b.StopTimer()
		restored := dynamo.New(kit.Client, w.restoreTo(backup))
		b.StartTimer()
		report, err := restored.Restore(b.Context(), dynamo.Restore{Live: kit.Store, Now: tenant.Clock.Now().Unix()})
		if err != nil || report.Tokens != tokens {
			b.Fatalf("got %+v, %v", report, err)
		}
	}
	b.ReportMetric(float64(tokens*b.N)/b.Elapsed().Seconds(), "tokens/s")
}
