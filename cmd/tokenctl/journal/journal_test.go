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

// A migration is one user's import, and what an operator sees of it.
type migration struct {
	user *apitest.User
	keys string
	now  time.Time
	sent int // batches
}

func begin(t *testing.T, target *apitest.Target) *migration {
	t.Helper()
	return &migration{user: target.User(t, token.RoleUser), keys: filepath.Join(t.TempDir(), "keys.csv"), now: time.Now()}
}

// process is a run of the program.
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

// check holds every row to one token, whose key is in the file and valid.
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
		t.Errorf("the journal: got %v, want it gone", err)
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
			t.Errorf("%s was made %d times, want once", name, made[name])
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

func (m *migration) run(t *testing.T, im *journal.Import) journal.Summary {
	t.Helper()
	sum, err := im.Run(t.Context())
	if err != nil {
		t.Fatalf("run: %v", err)
	}
	return sum
}

// TestNothingIsLostOrMadeTwiceWhereverTheProcessDies kills it at each step on
// the disk in turn, with the write of that step torn, and starts it again.
func TestNothingIsLostOrMadeTwiceWhereverTheProcessDies(t *testing.T) {
	target, _ := apitest.Serve(t)
	for step := 1; ; step++ {
		m := begin(t, target)
		mortal := m.process()
		mortal.CrashAt(step)
		before, err := mortal.Run(t.Context())
		if mortal.Survived() {
			if err != nil || step < 3*4 {
				t.Errorf("it came through %d steps with %v; want more for three batches, and no error", step, err)
			}
			return
		}
		sum, again := m.process().Run(t.Context())
		over := errors.Is(again, journal.ErrExists) && before.Now == tokens // the journal was removed, and the death told
		if err == nil || !over && (again != nil || sum.Before < before.Now || sum.Before+sum.Now != tokens) {
			t.Errorf("died at step %d with %v: got %+v, %v after %+v", step, err, sum, again, before)
		}
		if m.check(t); t.Failed() {
			t.Fatalf("it died at step %d", step)
		}
	}
}

// TestDyingAgainAndAgainComesToAnEnd lets every run die, each a little later.
func TestDyingAgainAndAgainComesToAnEnd(t *testing.T) {
	target, _ := apitest.Serve(t)
	m := begin(t, target)
	for step := 1; ; step++ {
		im := m.process()
		im.CrashAt(step)
		if _, err := im.Run(t.Context()); im.Survived() || errors.Is(err, journal.ErrExists) {
			break // died, or not, after the journal was removed
		}
	}
	m.check(t)
}

// TestNothingIsLostOrMadeTwiceWhateverTheNetworkLoses loses the request or the
// answer of each batch in turn, and ends the process with it.
func TestNothingIsLostOrMadeTwiceWhateverTheNetworkLoses(t *testing.T) {
	target, _ := apitest.Serve(t)
	for batch := 1; batch <= 3; batch++ {
		for _, arrives := range []bool{false, true} {
			t.Run(fmt.Sprintf("batch %d, arrives %t", batch, arrives), func(t *testing.T) {
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

// lose makes a process whose first answer is lost.
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

func TestABatchInDoubtForADayIsNotSentAgain(t *testing.T) {
	target, _ := apitest.Serve(t)
	m := begin(t, target)
	m.lose(t)
	m.now = m.now.Add(24 * time.Hour)
	var stale *journal.StaleError
	if _, err := m.process().Run(t.Context()); !errors.As(err, &stale) || len(stale.Rows) != 2 || stale.Rows[1].OldName != "n2" || m.sent != 1 {
		t.Fatalf("got %v after %d requests, want the two rows in doubt, and none sent", err, m.sent)
	}
	for made, err := range m.user.All(t.Context()) { // as the operator is told
		if err := errors.Join(err, m.user.Delete(t.Context(), made.ID)); err != nil {
			t.Fatal(err)
		}
	}
	again := m.process()
	again.Resend = true
	m.run(t, again)
	m.check(t)
}

// TestKeysThatAreOnTheDiskAreNotAskedForAgain: a day later the API could not
// answer.
func TestKeysThatAreOnTheDiskAreNotAskedForAgain(t *testing.T) {
	target, _ := apitest.Serve(t)
	for step := 1; ; step++ {
		m := begin(t, target)
		im := m.process()
		im.CrashAt(step)
		if _, _ = im.Run(t.Context()); im.Survived() {
			t.Fatal("it never died with keys on the disk")
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

func TestWhatTheAPIRefusesIsNoDoubt(t *testing.T) {
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
		t.Fatalf("got %+v, %v; want two, and the limit", sum, err)
	}
	limit(0)
	m.now = m.now.Add(48 * time.Hour)
	m.run(t, m.process())
	m.check(t)
}

func TestRowsThatExpireMeanwhileAreLeftOut(t *testing.T) {
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

func TestAnImportIsNotMixedWithAnother(t *testing.T) {
	target, _ := apitest.Serve(t)
	m := begin(t, target)
	m.lose(t)
	for name, change := range map[string]func(*journal.Import){
		"file": func(im *journal.Import) { im.Source = "another" },
		"API":  func(im *journal.Import) { im.URL = "http://another" },
		"user": func(im *journal.Import) { im.UserID++ },
	} {
		im := m.process()
		change(im)
		if _, err := im.Run(t.Context()); !errors.Is(err, journal.ErrChanged) {
			t.Errorf("another %s: got %v, want %v", name, err, journal.ErrChanged)
		}
	}
	im := m.process()
	create := im.Create
	im.Create = func(ctx context.Context, key string, in []wire.TokenInput) ([]wire.Token, error) {
		if _, err := m.process().Run(ctx); !errors.Is(err, journal.ErrRunning) {
			t.Errorf("two at a time: got %v, want %v", err, journal.ErrRunning)
		}
		return create(ctx, key, in)
	}
	m.run(t, im)
	m.check(t)
	if _, err := m.process().Run(t.Context()); !errors.Is(err, journal.ErrExists) {
		t.Errorf("once more: got %v, want %v", err, journal.ErrExists)
	}
	m.check(t)
}

func TestAKeysFileThatIsGoneIsSaid(t *testing.T) {
	target, _ := apitest.Serve(t)
	m := begin(t, target)
	im := m.process()
	create := im.Create
	im.Create = func(ctx context.Context, key string, in []wire.TokenInput) ([]wire.Token, error) {
		if m.sent == 1 {
			return nil, errLost
		}
		return create(ctx, key, in)
	}
	if _, err := im.Run(t.Context()); !errors.Is(err, errLost) {
		t.Fatal(err)
	}
	if err := os.Remove(m.keys); err != nil {
		t.Fatal(err)
	}
	if _, err := m.process().Run(t.Context()); !errors.Is(err, journal.ErrGone) {
		t.Errorf("got %v, want %v", err, journal.ErrGone)
	}
}
