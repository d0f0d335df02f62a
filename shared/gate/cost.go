package gate

import (
	"context"

	"github.com/latchkey-api/latchkey/shared/price"
)

// Cost returns what a usage of a model costs a token of a group. Without a price
// table one unit is one token. The error is price.ErrNotPriced, with which the
// request must be refused, or quota.ErrUnavailable.
//
// The price table is read at most once in price.MaxAge.
func (g *Gate) Cost(ctx context.Context, group, model string, u price.Usage) (price.Quote, error) {
	table, err := g.Prices(ctx)
	if err != nil {
		return price.Quote{}, err
	}
	return table.Cost(group, model, u)
}

// Prices returns the price table, or nil if the operator has set none. It is at
// most price.MaxAge old. The error is quota.ErrUnavailable.
func (g *Gate) Prices(ctx context.Context) (*price.Table, error) {
	return g.prices.Prices(ctx)
}
