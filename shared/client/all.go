package client

import (
	"context"
	"iter"

	"github.com/latchkey-api/latchkey/shared/wire"
)

// All iterates over all tokens of the user, newest first. It reads pages of
// wire.MaxPageSize as it goes. Tokens that are created meanwhile are left out. After an
// error it ends.
func (c *Client) All(ctx context.Context) iter.Seq2[wire.Token, error] {
	return iterate(func(after int64) (wire.TokenPage, error) {
		return c.List(ctx, ListOptions{PageSize: wire.MaxPageSize, After: after})
	}, nil)
}

// SearchAll iterates over all tokens that a search finds, as All does. It
// ignores the ListOptions of o.
func (c *Client) SearchAll(ctx context.Context, o SearchOptions) iter.Seq2[wire.Token, error] {
	return iterate(func(after int64) (wire.TokenPage, error) {
		o.ListOptions = ListOptions{PageSize: wire.MaxPageSize, After: after}
		return c.Search(ctx, o)
	}, o.Searched)
}

func iterate(page func(after int64) (wire.TokenPage, error), searched func(below int64)) iter.Seq2[wire.Token, error] {
	return func(yield func(wire.Token, error) bool) {
		for after := int64(wire.MaxInteger); after != 0; {
			p, err := page(after)
			if err != nil {
				yield(wire.Token{}, err)
				return
			}
			if searched != nil {
				searched(p.Next)
			}
			for _, t := range p.Items {
				if !yield(t, nil) {
					return
				}
			}
			after = p.Next
		}
	}
}
