package history_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/shared/history"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A text is the one text of a cursor, or an error that says what to send.
func FuzzParseCursor(f *testing.F) {
	for _, c := range []history.Cursor{{Below: 3}, {Parts: []history.Part{{0, 9}}}, {Parts: []history.Part{{3, 1}, {5, 2}, {6, token.MaxInteger}}, Below: 3}} {
		f.Add(c.String())
		if got, err := history.ParseCursor(c.String()); err != nil || cmp.Diff(c, got) != "" {
			f.Errorf("%s: got %+v, %v, want %+v", c, got, err, c)
		}
	}
	for _, text := range []string{"", "0", "-", "01", "1.2", "3.1-3.1-0", "5.1-3.1-0", "2.1-3", "1.1-2.1-3.1-4.1-5.1-0", "3.1-3.2-0", "9007199254740992", "-1", "+1"} {
		f.Add(text)
		if got, err := history.ParseCursor(text); err == nil {
			f.Errorf("%q: got %+v, want an error", text, got)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := history.ParseCursor(text)
		if err != nil {
			if invalid := new(token.InvalidError); !errors.As(err, &invalid) || invalid.Field != "after" {
				t.Fatalf("got error %v, want one about after", err)
			}
			return
		}
		if c.String() != text || c.Done() || len(c.Parts) > history.MaxParts {
			t.Fatalf("got %+v, which is %s, of %s", c, c, text)
		}
	})
}
