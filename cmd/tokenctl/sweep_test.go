package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
)

// expiring makes a token that expired so long ago that it may be removed.
func expiring(t *testing.T, s *server) {
	t.Helper()
	status, body := send(t, http.MethodPost, s.url+"/api/token/", s.accessToken, `{"name":"old"}`)
	var made struct{ Data struct{ ID int64 } }
	if err := json.Unmarshal([]byte(body), &made); err != nil || status != http.StatusCreated {
		t.Fatalf("create: got %d %s, want 201", status, body)
	}
	past := time.Now().AddDate(0, 0, -31).Unix()
	if status, body := send(t, http.MethodPut, s.url+"/api/token/", s.accessToken, fmt.Sprintf(`{"id":%d,"expired_time":%d}`, made.Data.ID, past)); status != http.StatusOK {
		t.Fatalf("update: got %d %s, want 200", status, body)
	}
}

func totalOf(t *testing.T, s *server) int {
	t.Helper()
	_, body := send(t, http.MethodGet, s.url+"/api/token/", s.accessToken, "")
	var page struct{ Data struct{ Total int } }
	if err := json.Unmarshal([]byte(body), &page); err != nil {
		t.Fatalf("list: got %s", body)
	}
	return page.Data.Total
}

func TestServeRemovesAndCountsWhatExpiredLongAgo(t *testing.T) {
	dir := t.TempDir()
	env := append(anyPort(dir), "TABLE_NAME="+dynamotest.Table)
	for run := range 3 { // what the engine tells again after a restart is counted once
		s := serving(t, env, "--sweep", "30ms")
		if status, body := send(t, http.MethodPost, s.url+"/api/token/", s.accessToken, `{"name":"lasting"}`); status != http.StatusCreated {
			t.Fatalf("create: got %d %s, want 201", status, body)
		}
		expiring(t, s)
		eventually(t, "the expired token is removed and counted", func() bool { return totalOf(t, s) == run+1 })
		kit := dynamotest.Kit{Endpoint: s.endpoint}
		if got := kit.Audit(t, 1); len(got.IDs) != run+1 {
			t.Errorf("got tokens %v stored, want %d", got.IDs, run+1)
		}
		s.end(t, syscall.SIGKILL)
	}
}

func TestServeSweepsNoEngineOfTheOperators(t *testing.T) {
	theirs := serving(t, append(anyPort(filepath.Join(t.TempDir(), "theirs")), "TABLE_NAME="+dynamotest.Table), "--sweep", "1h")
	ours := serving(t, append(anyPort(t.TempDir()), "DYNAMODB_ENDPOINT="+theirs.endpoint, "TABLE_NAME="+dynamotest.Table), "--sweep", "1ms")
	expiring(t, ours)
	for range 20 {
		if got := totalOf(t, ours); got != 1 {
			t.Fatalf("got %d tokens, want the expired one to stay", got)
		}
	}
}

func TestServeWantsATimeToWaitForASweep(t *testing.T) {
	refuse(t, tokenctl(t, anyPort(t.TempDir()), "serve", "--sweep", "0s"), "--sweep 0s is no time to wait: give one such as 10s.")
}
