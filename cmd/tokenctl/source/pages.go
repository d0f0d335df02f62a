package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// errChanged means that pages do not belong together.
var errChanged = errors.New("its tokens changed while they were read: stop changes there, then run the same command again")

// A listing collects the pages of a list. It does not accept a token twice, or pages
// that disagree about how many there are.
type listing struct {
	id    string // field with the ID of a token
	items []item
	ids   map[string]bool
	total int64 // of all pages; -1 if the answers do not say it
	bytes int
}

// An item is one token: its fields as they were sent.
type item map[string]json.RawMessage

func newListing(id string) *listing {
	return &listing{id: id, ids: map[string]bool{}, total: -1}
}

// add adds a page. total is how many tokens it says there are, or nil.
func (l *listing) add(page []json.RawMessage, total *int64) error {
	if total != nil {
		if l.total >= 0 && l.total != *total {
			return errChanged
		}
		l.total = *total
	}
	for _, raw := range page {
		it, err := readItem(raw)
		if err != nil {
			return err
		}
		id := string(it[l.id])
		if id == "" || id == "null" {
			return fmt.Errorf("its answer has a token without %s: check the URL and --from", l.id)
		}
		if l.ids[id] {
			return errChanged
		}
		l.ids[id], l.items = true, append(l.items, it)
		if l.bytes += len(raw); l.bytes > MaxBytes {
			return fmt.Errorf("its tokens are more than %d MiB: export them from the database, in parts", MaxBytes>>20)
		}
	}
	return nil
}

// isWhole reports whether all tokens were read. Without a total only an empty page
// says so.
func (l *listing) isWhole(page int) bool {
	return page == 0 || l.total >= 0 && int64(len(l.items)) >= l.total
}

// check returns an error if tokens are missing.
func (l *listing) check() error {
	if l.total >= 0 && int64(len(l.items)) != l.total {
		return fmt.Errorf("it listed %d tokens and says that there are %d, so nothing was imported: stop changes there, then run the same command again", len(l.items), l.total)
	}
	return nil
}

// content returns the tokens as a JSON list, one on each line.
func (l *listing) content() ([]byte, error) {
	var list bytes.Buffer
	for i, it := range l.items {
		content, err := json.Marshal(it)
		if err != nil {
			return nil, err
		}
		_, _ = fmt.Fprintf(&list, "%s%s", map[bool]string{true: "[", false: ",\n"}[i == 0], content) // a Buffer never fails
	}
	if list.Len() == 0 {
		_ = list.WriteByte('[') // a Buffer never fails
	}
	_, _ = list.WriteString("]\n") // a Buffer never fails
	return list.Bytes(), nil
}

// readItem reads an object. It refuses a field that is there twice, of which one
// would be lost.
func readItem(raw json.RawMessage) (item, error) {
	unfit := errors.New("its answer is not a list of tokens: check the URL, which is that of its console, and --from")
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, unfit
	}
	it, seen := item{}, map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, unfit
		}
		name, _ := t.(string) // names are strings
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, unfit
		}
		lower := strings.ToLower(name)
		if seen[lower] {
			return nil, errors.New("a token in its answer has a field twice, and one of them would be lost: export the tokens from the database")
		}
		seen[lower] = true
		it[name] = value
	}
	if _, err := d.Token(); err != nil && !errors.Is(err, io.EOF) {
		return nil, unfit
	}
	return it, nil
}
