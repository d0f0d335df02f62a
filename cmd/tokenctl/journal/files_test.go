package journal_test

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/cmd/tokenctl/journal"
	"github.com/latchkey-api/latchkey/internal/apitest"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// wantComplete checks that the import is complete and that another run refuses to
// start.
func (m *migration) wantComplete(t *testing.T) {
	t.Helper()
	if _, err := m.process().Run(t.Context()); !errors.Is(err, journal.ErrExists) {
		t.Errorf("the next run: got %v, want %v", err, journal.ErrExists)
	}
	m.check(t)
}

// TestOpenAfterCompetingImport checks that a process that looked for the files
// before another import started notices that import when it opens them.
func TestOpenAfterCompetingImport(t *testing.T) {
	target, _ := apitest.Serve(t)
	m := begin(t, target)
	late := m.process()
	m.run(t, m.process())
	if err := late.OpenUnchecked(); !errors.Is(err, journal.ErrExists) {
		t.Errorf("got %v, want %v", err, journal.ErrExists)
	}
	m.wantComplete(t)
}

// TestRemovedJournalIsNotLocked checks that a process does not continue with a
// journal that another process has removed.
func TestRemovedJournalIsNotLocked(t *testing.T) {
	target, _ := apitest.Serve(t)
	m := begin(t, target)
	m.lose(t)
	if err := m.process().LockAfter(func() { m.run(t, m.process()) }); !errors.Is(err, journal.ErrRunning) {
		t.Errorf("got %v, want %v", err, journal.ErrRunning)
	}
	m.wantComplete(t)
}

// TestEmptyJournalBesideKeysFile checks that an empty journal does not restart a
// complete import.
func TestEmptyJournalBesideKeysFile(t *testing.T) {
	target, _ := apitest.Serve(t)
	m := begin(t, target)
	m.run(t, m.process())
	m.write(t, journal.Path(m.keys), "")
	m.wantComplete(t)
}

func (*migration) write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil { //nolint:gosec // a folder of the test
		t.Fatal(err)
	}
}

// half runs an import that ends after its first batch.
func (m *migration) half(t *testing.T) {
	t.Helper()
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
}

// TestEditedKeysFile checks that an import does not write to a keys file that was
// changed, and continues when the file is restored.
func TestEditedKeysFile(t *testing.T) {
	target, _ := apitest.Serve(t)
	for name, edit := range map[string]func(string) string{
		"shorter": func(s string) string { return s[:len(s)-20] },
		"empty":   func(string) string { return "" },
		"changed": func(s string) string { return strings.Replace(s, "n1", "N1", 1) },
		"header":  func(s string) string { return strings.Replace(s, "old_id", "OLD_ID", 1) },
	} {
		t.Run(name, func(t *testing.T) {
			m := begin(t, target)
			m.half(t)
			content, err := os.ReadFile(m.keys)
			if err != nil {
				t.Fatal(err)
			}
			edited := edit(string(content))
			m.write(t, m.keys, edited)
			if _, err := m.process().Run(t.Context()); !errors.Is(err, journal.ErrEdited) {
				t.Errorf("got %v, want %v", err, journal.ErrEdited)
			}
			if now, err := os.ReadFile(m.keys); err != nil || string(now) != edited {
				t.Errorf("the keys file was changed, or %v", err)
			}
			m.write(t, m.keys, string(content))
			m.run(t, m.process())
			m.check(t)
		})
	}
}

// TestInvalidJournal checks that a journal with lines in an impossible order is
// refused before anything is sent.
func TestInvalidJournal(t *testing.T) {
	target, _ := apitest.Serve(t)
	const begun = `{"kind":"begin","source":"export","url":"http://api","user_id":%}` + "\n"
	const batch = `{"kind":"batch","idempotency_key":"k","sent":1,"rows":[1],"tokens":[{"name":"n1"}]}` + "\n"
	for _, content := range []string{
		`{"kind":"done"}`, `{"kind":"void"}`, batch, begun + `{"kind":"done"}`, begun + `{"kind":"void"}`, begun + `{"kind":"other"}`,
		begun + `{"kind":"batch"}`, begun + batch + batch, begun + batch + `{"kind":"done","idempotency_key":"other"}`,
	} {
		m := begin(t, target)
		m.write(t, journal.Path(m.keys), strings.Replace(content, "%", strconv.FormatInt(m.user.ID, 10), 1)+"\n")
		if _, err := m.process().Run(t.Context()); !errors.Is(err, journal.ErrEdited) || m.sent > 0 {
			t.Errorf("%s: got %v, want %v", content, err, journal.ErrEdited)
		}
	}
}

// TestFormulasAreEscaped checks that texts that a spreadsheet would read as a
// formula get a ' in front.
func TestFormulasAreEscaped(t *testing.T) {
	target, _ := apitest.Serve(t)
	m := begin(t, target)
	im := m.process()
	im.Rows = im.Rows[:1]
	im.Rows[0].OldID, im.Rows[0].OldName, im.Rows[0].Token.Name = "-1", "=1+1", new("@n")
	m.run(t, im)
	content, err := os.ReadFile(m.keys)
	if err != nil || !strings.Contains(string(content), "\n'-1,'=1+1,1,'@n,sk-") {
		t.Errorf("got %v, want a quote before each text", err)
	}
}

// TestImportIsNotMixedWithAnother checks that a journal accepts only the same file,
// API and user, one process at a time, and that a complete import is not repeated.
func TestImportIsNotMixedWithAnother(t *testing.T) {
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

// TestMissingKeysFile checks that an import does not continue without the keys file
// to which it has written.
func TestMissingKeysFile(t *testing.T) {
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

// TestCorrectedImport checks that an import that has created nothing can begin anew
// with another file, also if the process is killed at any file operation of that.
func TestCorrectedImport(t *testing.T) {
	target, _ := apitest.Serve(t)
	for step := 1; ; step++ {
		m := begin(t, target)
		refused := m.process()
		refused.Rows[0].Token.Name = new("")
		if _, err := refused.Run(t.Context()); !errors.Is(err, wire.ErrInvalidParameter) {
			t.Fatalf("got %v, want the first row refused", err)
		}
		corrected := func() *journal.Import {
			im := m.process()
			im.Source = "corrected"
			return im
		}
		crashing := corrected()
		crashing.CrashAt(step)
		_, err := crashing.Run(t.Context())
		if crashing.Survived() {
			if err != nil {
				t.Errorf("without a crash: got %v, want no error", err)
			}
			m.check(t)
			return
		}
		if _, err := corrected().Run(t.Context()); err != nil && !errors.Is(err, journal.ErrExists) {
			t.Errorf("after a crash at step %d: got %v, want no error", step, err)
		}
		if m.check(t); t.Failed() {
			t.Fatalf("after a crash at step %d", step)
		}
	}
}
