package history

import (
	"slices"
	"strconv"
	"strings"

	"github.com/latchkey-api/latchkey/shared/token"
)

// MaxParts is how many groups of tokens one page of a user's history is read
// from.
const MaxParts = 4

// A Cursor says where a page of a user's history begins. The zero Cursor is the
// first page.
type Cursor struct {
	Parts []Part // to begin with
	Below int64  // then the groups below this one; 0 after the last page, or on the first
}

// A Part is a group of tokens whose history is read from a position in the store
// on.
type Part struct{ Group, Position int64 }

// Done reports whether no page follows.
func (c Cursor) Done() bool { return c.Below == 0 && len(c.Parts) == 0 }

// String returns the cursor as ParseCursor reads it.
func (c Cursor) String() string {
	texts := make([]string, 0, len(c.Parts)+1)
	for _, p := range c.Parts {
		texts = append(texts, strconv.FormatInt(p.Group, 10)+"."+strconv.FormatInt(p.Position, 10))
	}
	return strings.Join(append(texts, strconv.FormatInt(c.Below, 10)), "-")
}

// ParseCursor reads the text of a cursor of a page that follows another. The error
// is a *token.InvalidError.
func ParseCursor(text string) (Cursor, error) {
	invalid := &token.InvalidError{Field: "after", Reason: "must be the next of an answer for the same from, to and by"}
	texts := strings.Split(text, "-")
	last := len(texts) - 1
	below, ok := parseNumber(texts[last])
	if !ok || last > MaxParts {
		return Cursor{}, invalid
	}
	c := Cursor{Below: below}
	for _, part := range texts[:last] {
		group, position, _ := strings.Cut(part, ".")
		g, groupOK := parseNumber(group)
		p, positionOK := parseNumber(position)
		if !groupOK || !positionOK || g < below || slices.ContainsFunc(c.Parts, func(other Part) bool { return other.Group >= g }) {
			return Cursor{}, invalid
		}
		c.Parts = append(c.Parts, Part{g, p})
	}
	if c.Done() {
		return Cursor{}, invalid
	}
	return c, nil
}

// parseNumber reads a number as strconv.FormatInt writes it, from 0 to
// token.MaxInteger.
func parseNumber(text string) (int64, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && n >= 0 && n <= token.MaxInteger && strconv.FormatInt(n, 10) == text
}
