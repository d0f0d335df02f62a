package dynamo

import (
	"context"
	"errors"
	"fmt"

	"github.com/latchkey-api/latchkey/shared/history"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/token"
)

// attrPriceFile is the attribute of the PRICES item that has the price file as
// the operator wrote it. The item has attrRevision, too.
const attrPriceFile = "file"

// ErrPricesChanged means that somebody else has set the price table since it was
// read.
var ErrPricesChanged = errors.New("the price table was changed by somebody else")

// Prices implements price.Source.
func (s *Store) Prices(ctx context.Context) (*price.Table, error) {
	file, revision, err := s.PriceFile(ctx)
	if err != nil || revision == 0 {
		return nil, err
	}
	t, err := price.Parse(file)
	if err != nil {
		return nil, fmt.Errorf("stored price table: %w", err)
	}
	t.Revision = revision
	return t, nil
}

// PriceFile returns the price file and its revision, which is 0 if the operator
// has set none.
func (s *Store) PriceFile(ctx context.Context) (file []byte, revision int64, err error) {
	it, err := s.get(ctx, pricesKey())
	if err != nil {
		return nil, 0, fmt.Errorf("read the price table: %w", err)
	}
	if it == nil {
		return nil, 0, nil
	}
	r := reader{item: it}
	file, revision = []byte(r.text(attrPriceFile)), r.number(attrRevision)
	return file, revision, r.err
}

// SetPriceFile replaces the price file, which must be valid, and returns its
// revision. It does so only if the revision is still the one given: 0 if there
// was no file. Otherwise the error is ErrPricesChanged. After token.ErrUncertain
// the file may or may not be stored.
func (s *Store) SetPriceFile(ctx context.Context, file []byte, revision int64) (int64, error) {
	if _, err := price.Parse(file); err != nil {
		return 0, &token.InvalidError{Field: "prices", Reason: err.Error()}
	}
	it := pricesKey()
	it[attrPriceFile] = text(string(file))
	it[attrRevision] = number(revision + 1)
	it[attrNote] = operatorOf(ctx).note(history.PricesSet)
	e := newExpression()
	if revision == 0 {
		e.require(e.name(PartitionKey).absent())
	} else {
		e.require(e.name(attrRevision).equals(revision))
	}
	found, err := s.put(ctx, it, e, retryIdempotent()) // a repetition finds what the first attempt stored
	if err != nil {
		return 0, fmt.Errorf("set the price table: %w", err)
	}
	r := reader{item: found}
	if found == nil || r.number(attrRevision) != revision+1 || r.text(attrPriceFile) != string(file) {
		return 0, ErrPricesChanged
	}
	return revision + 1, r.err
}
