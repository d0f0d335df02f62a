package dynamo_test

import (
	"errors"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/token"
)

// The price table changes only as a whole, and only from the revision that its
// writer has seen.
func TestPriceTable(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	if table, err := kit.Store.Prices(t.Context()); table != nil || err != nil {
		t.Errorf("got %v, %v, want no table", table, err)
	}
	set := func(file string, revision, want int64, wantErr error) {
		t.Helper()
		if got, err := kit.Store.SetPriceFile(t.Context(), []byte(file), revision); got != want || !errors.Is(err, wantErr) {
			t.Errorf("set after revision %d: got %d, %v, want %d, %v", revision, got, err, want, wantErr)
		}
	}
	const first, second = `{"models":{"m":{"input":"1"}}}`, `{"models":{"m":{"input":"2"}}}`
	set(first, 1, 0, dynamo.ErrPricesChanged)
	set(first, 0, 1, nil)
	set(second, 0, 0, dynamo.ErrPricesChanged)
	set(second, 1, 2, nil)
	set(first, 1, 0, dynamo.ErrPricesChanged)
	var invalid *token.InvalidError
	if _, err := kit.Store.SetPriceFile(t.Context(), []byte(`{"models":1}`), 2); !errors.As(err, &invalid) {
		t.Errorf("invalid file: got error %v, want an InvalidError", err)
	}
	file, revision, err := kit.Store.PriceFile(t.Context())
	if string(file) != second || revision != 2 || err != nil {
		t.Errorf("got %s of revision %d, %v", file, revision, err)
	}
	table, err := kit.Store.Prices(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := table.Cost("", "m", price.Usage{InputTokens: 1000}); got != (price.Quote{Units: 1000, NanoDollars: 2_000_000, Revision: 2}) || err != nil {
		t.Errorf("got %+v, %v, want 1000 units of revision 2", got, err)
	}
}

// A price table that was stored although the answer was lost is set once: the
// second attempt recognizes it.
func TestPriceTableWithFaults(t *testing.T) {
	t.Parallel()
	const file = `{"models":{"m":{"input":"1"}}}`
	for _, fault := range dynamotest.FaultsOf("PutItem") {
		t.Run(string(fault), func(t *testing.T) {
			t.Parallel()
			kit := newKit(t)
			faults := &dynamotest.Faults{Choose: func(op string, nth int) dynamotest.Fault {
				if op == "PutItem" && nth == 1 {
					return fault
				}
				return ""
			}}
			got, err := kit.StoreWith(faults.Configure).SetPriceFile(t.Context(), []byte(file), 0)
			if got != 1 || err != nil {
				t.Errorf("got revision %d, %v, want 1", got, err)
			}
			if n := faults.Attempts("PutItem"); n != 2 {
				t.Errorf("got %d attempts, want 2", n)
			}
		})
	}
}
