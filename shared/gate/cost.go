package gate

import (
	"context"

	"github.com/latchkey-api/latchkey/shared/price"
)

// Cost returns what a usage of a model costs a token of a group, which is the
// token's PriceGroup. Without a price
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

// Quote returns what a usage of a model costs the token of a key. It reads the
// token only if the price depends on its group. The error is one of Cost's, or
// quota.ErrKeyUnknown, which takes precedence. The key may be the token's previous
// one, also after its grace period: it may still settle holds.
func (g *Gate) Quote(ctx context.Context, key, model string, u price.Usage) (price.Quote, error) {
	k, err := g.find(ctx, key)
	if err != nil {
		return price.Quote{}, err
	}
	table, err := g.Prices(ctx)
	if err != nil {
		return price.Quote{}, err
	}
	if table == nil || len(table.Groups) == 0 {
		quote, err := table.Cost("", model, u)
		if err == nil {
			return quote, nil
		}
	}
	l, err := g.store.Lookup(ctx, k, g.now().Unix())
	if err != nil {
		return price.Quote{}, err
	}
	return table.Cost(l.PriceGroup(), model, u)
}
