package faultstest_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/engine"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// The engine's files can't grow any more, as on a full disk. From then on changes are
// answered with 503. After a restart with space, everything acknowledged is there, and
// what was not acknowledged is there once or not at all.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	binary := engine.Path(dynamotest.Root(t))
	limited := filepath.Join(dir, "engine")
	// Without the signal, a write beyond the limit fails with EFBIG. Units are 512 bytes.
	if err := os.WriteFile(limited, []byte("#!/bin/sh\ntrap '' XFSZ\nulimit -f 2000\nexec '"+binary+"' \"$@\"\n"), 0o700); err != nil { //nolint:gosec // it is run
		t.Fatal(err)
	}
	w := fileWorld(t, limited, filepath.Join(dir, "data.db"))
	u := w.user(t, "full", true)
	url := w.serve(t, dynamotest.ProductClient(w.Endpoint), time.Now)
	made, failed := int64(0), int64(0)
	const enough = 5
	for n := 0; failed < enough; n++ {
		if n > 5000 {
			t.Fatal("the disk is never full")
		}
		a, err := u.as(http.MethodPost, wire.TokensPath, fmt.Sprintf(`{"name":"new","allow_ips":%q}`, strings.Repeat("203.0.113.7,", 20))).with("Idempotency-Key", fmt.Sprint(n)).send(url)
		switch {
		case err != nil || a.took > timeBudget:
			t.Fatalf("create %d: %v after %v", n, err, a.took)
		case a.status == http.StatusCreated:
			made++
		case a.status == http.StatusServiceUnavailable && decodeFailure(a).Code == wire.ErrUnavailable:
			failed++
		default:
			t.Fatalf("create %d: %d %s", n, a.status, masked(a.body))
		}
	}
	t.Logf("%d tokens created before the disk was full", made)
	w.Engine.Stop()
	again := fileWorld(t, binary, filepath.Join(dir, "data.db"))
	u.world = again
	page := decode[wire.TokenPage](t, u.must(t, u.as(http.MethodGet, wire.TokensPath, "")))
	if page.Total < 5+made || page.Total > 5+made+failed {
		t.Errorf("%d tokens, want %d, and up to %d that were not acknowledged", page.Total, 5+made, failed)
	}
	again.AuditAll(t, []int64{u.id})
	u.must(t, u.as(http.MethodPost, wire.TokensPath, `{"name":"after"}`))
}

// fileWorld is a world whose engine has a file.
func fileWorld(t *testing.T, binary, file string) *world {
	t.Helper()
	e, err := engine.Start(t.Context(), binary, file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Stop)
	client := dynamotest.Client(e.Endpoint)
	if err := dynamo.CreateTable(t.Context(), client, dynamotest.Table); err != nil {
		t.Fatal(err)
	}
	return worldOf(t, &dynamotest.Kit{Endpoint: e.Endpoint, Engine: e, Client: client, Store: dynamo.New(client, dynamotest.Table)})
}
