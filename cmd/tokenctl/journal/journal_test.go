package journal_test

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/cmd/tokenctl/export"
	"github.com/latchkey-api/latchkey/cmd/tokenctl/journal"
	"github.com/latchkey-api/latchkey/internal/apitest"
	"github.com/latchkey-api/latchkey/shared/client"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// tokens are imported in batches of two, so there are three batches.
const tokens = 5

var errLost = errors.New("connection reset")

// A migration is the import of one user.
type migration struct {
	user *apitest.User
	keys string
	now  time.Time
	sent int // number of batches sent
}

// begin returns a migration of a new user.
func begin(t *testing.T, target *apitest.Target) *migration {
	t.Helper()
	return &migration{user: target.User(t, token.RoleUser), keys: filepath.Join(t.TempDir(), "keys.csv"), now: time.Now()}
}

// process returns the import as one run of tokenctl starts it.
func (m *migration) process() *journal.Import {
	im := &journal.Import{
		KeysFile: m.keys, Source: "export", URL: "http://api", UserID: m.user.ID, Batch: 2,
		Create: func(ctx context.Context, key string, in []wire.TokenInput) ([]wire.Token, error) {
			m.sent++
			return m.user.CreateAll(ctx, in, client.IdempotencyKey(key))
		},
		Refused: func(err error) bool {
			return errors.Is(err, wire.ErrInvalidParameter) || errors.Is(err, wire.ErrTokenLimit)
		},
		Now: func() time.Time { return m.now },
	}
	for n := 1; n <= tokens; n++ {
		im.Rows = append(im.Rows, export.Row{Number: n, OldID: fmt.Sprint(100 + n), OldName: fmt.Sprint("n", n), Token: wire.TokenInput{Name: new(fmt.Sprint("n", n)), UnlimitedQuota: new(true)}})
	}
	return im
}

// check checks that each row was created exactly once, that its key is in the keys
// file and valid, and that the journal was removed.
func (m *migration) check(t *testing.T) {
	t.Helper()
	made := map[string]int{}
	for made1, err := range m.user.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		made[made1.Name]++
	}
	info, err := os.Stat(m.keys)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the keys file: got %v, %v; want mode 0600", info, err)
	}
	if _, err := os.Stat(journal.Path(m.keys)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the journal: got %v, want no file", err)
	}
	content, err := os.ReadFile(m.keys)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(string(content))).ReadAll()
	if err != nil || len(rows) != tokens+1 || !slices.Equal(rows[0], []string{"old_id", "old_name", "new_id", "new_name", "new_key"}) {
		t.Fatalf("the keys file has %d rows, %v; want a header and %d", len(rows), err, tokens)
	}
	for i, row := range rows[1:] {
		name := fmt.Sprint("n", i+1)
		if row[0] != fmt.Sprint(101+i) || row[1] != name || row[3] != name {
			t.Errorf("row %d: got %v, want %s", i+1, row[:4], name)
		}
		if made[name] != 1 {
			t.Errorf("%s was created %d times, want once", name, made[name])
		}
		v, err := m.user.Verify(t.Context(), row[4], wire.VerifyInput{})
		if err != nil || !v.Valid || fmt.Sprint(v.TokenID) != row[2] {
			t.Errorf("the key of %s: got valid %t, %v", name, v.Valid, err)
		}
	}
	if len(made) != tokens {
		t.Errorf("got %d names, want %d", len(made), tokens)
	}
}

// run runs an import that must succeed.
func (m *migration) run(t *testing.T, im *journal.Import) journal.Summary {
	t.Helper()
	sum, err := im.Run(t.Context())
	if err != nil {
		t.Fatalf("run: %v", err)
	}
	return sum
}

// TestCrashAtEveryFileOperation checks that no key is lost and no token is created
// twice. It simulates a crash at each file operation in turn, with the write cut
// short, and runs the import again.
func TestCrashAtEveryFileOperation(t *testing.T) {
	target, _ := apitest.Serve(t)
	for step := 1; ; step++ {
		m := begin(t, target)
		crashing := m.process()
		crashing.CrashAt(step)
		before, err := crashing.Run(t.Context())
		if crashing.Survived() {
			if err != nil || step < 3*4 {
				t.Errorf("the import survived from step %d on with %v; want more steps for three batches and no error", step, err)
			}
			return
		}
		sum, again := m.process().Run(t.Context())
		over := errors.Is(again, journal.ErrExists) && before.Now == tokens // the crash came after the journal was removed
		if err == nil || !over && (again != nil || sum.Before < before.Now || sum.Before+sum.Now != tokens) {
			t.Errorf("crashed at step %d with %v: got %+v, %v after %+v", step, err, sum, again, before)
		}
		if m.check(t); t.Failed() {
			t.Fatalf("after a crash at step %d", step)
		}
	}
}

// TestRepeatedCrashes checks that an import completes even if every run crashes,
// each one step later.
func TestRepeatedCrashes(t *testing.T) {
	target, _ := apitest.Serve(t)
	m := begin(t, target)
	for step := 1; ; step++ {
		im := m.process()
		im.CrashAt(step)
		if _, err := im.Run(t.Context()); im.Survived() || errors.Is(err, journal.ErrExists) {
			break // the journal was removed
		}
	}
	m.check(t)
}

// TestLostRequestOrAnswer checks that no key is lost and no token is created twice
// if the request or the answer of a batch is lost and the process ends.
func TestLostRequestOrAnswer(t *testing.T) {
	target, _ := apitest.Serve(t)
	for batch := 1; batch <= 3; batch++ {
		for _, arrives := range []bool{false, true} {
			t.Run(fmt.Sprintf("batch_%d,arrives_%t", batch, arrives), func(t *testing.T) {
				m := begin(t, target)
				im := m.process()
				create := im.Create
				im.Create = func(ctx context.Context, key string, in []wire.TokenInput) ([]wire.Token, error) {
					if m.sent+1 != batch {
						return create(ctx, key, in)
					}
					if m.sent++; arrives {
						_, _ = m.user.CreateAll(ctx, in, client.IdempotencyKey(key))
					}
					return nil, errLost
				}
				if sum, err := im.Run(t.Context()); !errors.Is(err, errLost) || sum.Now != 2*(batch-1) {
					t.Fatalf("got %+v, %v", sum, err)
				}
				m.run(t, m.process())
				m.check(t)
			})
		}
	}
}

// lose runs an import whose first answer is lost.
func (m *migration) lose(t *testing.T) {
	t.Helper()
	im := m.process()
	create := im.Create
	im.Create = func(ctx context.Context, key string, in []wire.TokenInput) ([]wire.Token, error) {
		_, err := create(ctx, key, in)
		return nil, errors.Join(errLost, err)
	}
	if _, err := im.Run(t.Context()); !errors.Is(err, errLost) {
		t.Fatalf("got %v", err)
	}
}

// TestStaleBatchIsNotResent checks that a batch that has been pending for a day is
// reported, and sent again only with Resend.
func TestStaleBatchIsNotResent(t *testing.T) {
	target, _ := apitest.Serve(t)
	m := begin(t, target)
	m.lose(t)
	m.now = m.now.Add(24 * time.Hour)
	var stale *journal.StaleError
	if _, err := m.process().Run(t.Context()); !errors.As(err, &stale) || len(stale.Rows) != 2 || stale.Rows[1].OldName != "n2" || m.sent != 1 {
		t.Fatalf("got %v after %d requests, want the two pending rows and no request", err, m.sent)
	}
	for made, err := range m.user.All(t.Context()) { // as the error message tells the operator
		if err := errors.Join(err, m.user.Delete(t.Context(), made.ID)); err != nil {
			t.Fatal(err)
		}
	}
	again := m.process()
	again.Resend = true
	m.run(t, again)
	m.check(t)
}

// TestWrittenKeysAreNotRequestedAgain checks that a batch whose keys are on the disk
// needs no answer of the API, which no longer has it after two days.
func TestWrittenKeysAreNotRequestedAgain(t *testing.T) {
	target, _ := apitest.Serve(t)
	for step := 1; ; step++ {
		m := begin(t, target)
		im := m.process()
		im.CrashAt(step)
		if _, _ = im.Run(t.Context()); im.Survived() {
			t.Fatal("no crash left keys on the disk")
		}
		content, _ := os.ReadFile(m.keys)
		if strings.Count(string(content), "\n") != 3 || m.sent != 1 {
			continue
		}
		m.now = m.now.Add(48 * time.Hour)
		m.run(t, m.process())
		m.check(t)
		return
	}
}

// TestRefusedBatchIsNotPending checks that a refused batch is sent as a new one
// later.
func TestRefusedBatchIsNotPending(t *testing.T) {
	target, _ := apitest.Serve(t)
	m := begin(t, target)
	limit := func(n int64) {
		t.Helper()
		if _, err := target.Users.SetLimits(t.Context(), m.user.Name, func(l *token.Limits) { l.MaxTokens = n }); err != nil {
			t.Fatal(err)
		}
	}
	limit(3)
	if sum, err := m.process().Run(t.Context()); !errors.Is(err, wire.ErrTokenLimit) || sum.Now != 2 {
		t.Fatalf("got %+v, %v; want two tokens and the limit error", sum, err)
	}
	limit(0)
	m.now = m.now.Add(48 * time.Hour)
	m.run(t, m.process())
	m.check(t)
}

// TestRowsExpiringDuringImport checks that a row that expires before it is sent is
// left out and reported.
func TestRowsExpiringDuringImport(t *testing.T) {
	target, _ := apitest.Serve(t)
	m := begin(t, target)
	im := m.process()
	im.Rows[4].Token.ExpiredTime = new(m.now.Unix() + 3600)
	create := im.Create
	im.Create = func(ctx context.Context, key string, in []wire.TokenInput) ([]wire.Token, error) {
		m.now = m.now.Add(time.Hour)
		return create(ctx, key, in)
	}
	if sum := m.run(t, im); sum.Now != 4 || len(sum.Expired) != 1 || sum.Expired[0].Number != 5 {
		t.Errorf("got %+v, want row 5 expired", sum)
	}
}
