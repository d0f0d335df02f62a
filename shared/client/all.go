package client

import (
	"context"
	"iter"

	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

const pageSize = 100

// All are the user's tokens, newest first, a page at a time. Those that are
// made meanwhile are not among them. After an error there is nothing more.
func (c *Client) All(ctx context.Context) iter.Seq2[wire.Token, error] {
	return pages(func(after int64) (wire.TokenPage, error) {
		return c.List(ctx, ListOptions{PageSize: pageSize, After: after})
	})
}

// Found are all tokens that are searched for, as All; the page of the options
// does not matter.
func (c *Client) Found(ctx context.Context, o SearchOptions) iter.Seq2[wire.Token, error] {
	return pages(func(after int64) (wire.TokenPage, error) {
		o.ListOptions = ListOptions{PageSize: pageSize, After: after}
		return c.Search(ctx, o)
	})
}

func pages(page func(after int64) (wire.TokenPage, error)) iter.Seq2[wire.Token, error] {
	return func(yield func(wire.Token, error) bool) {
		for after := int64(token.MaxInteger); after != 0; {
			p, err := page(after)
			if err != nil {
				yield(wire.Token{}, err)
				return
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
