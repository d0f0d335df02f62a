package main

import (
	"context"
	"fmt"
	"iter"

	"github.com/schollz/progressbar/v3"

	"github.com/latchkey-api/latchkey/shared/client"
	"github.com/latchkey-api/latchkey/shared/wire"
)

type tokenListCmd struct {
	Page     int64  `placeholder:"N" xor:"pages" help:"Number of the page (default 1)."`
	PageSize int64  `placeholder:"N" help:"Tokens per page, up to 100 (default 10)."`
	All      bool   `xor:"pages" help:"Show all pages."`
	Keyword  string `placeholder:"TEXT" help:"Show only tokens with this text in their name."`
	Status   string `placeholder:"STATUS" enum:",enabled,disabled,expired,exhausted" default:"" help:"Show only tokens with this status: enabled, disabled, expired or exhausted."`
	Group    string `placeholder:"NAME" help:"Show only tokens of this group."`
	Imported bool   `xor:"pages" help:"Show only tokens that kept the key of another system. It reads all pages, as --all does."`
	watch
	remote
}

// Help implements kong.HelpProvider.
func (*tokenListCmd) Help() string {
	return `Keys are masked. Quota is in units; if the operator has set prices, its value in dollars is shown too. With --watch and --json, it prints one line each time. --imported and --all
send one request for each 100 tokens that you have. With --keyword, --status or --group it goes on to older tokens until
it finds some.

Example:

    tokenctl token list --status enabled --watch`
}

// A tokenListing is what --json prints: a page as the API returns it, or all
// tokens.
type tokenListing struct {
	Page     int64        `json:"page,omitempty"`
	PageSize int64        `json:"page_size,omitempty"`
	Total    int64        `json:"total"`
	Items    []wire.Token `json:"items"`
	Next     int64        `json:"next,omitempty"`
}

// Run implements the command.
func (c *tokenListCmd) Run(ctx context.Context, out *console) error {
	s, err := c.open()
	if err != nil {
		return err
	}
	return c.repeat(ctx, out, c.JSON, func(out *console) error {
		list, err := c.read(ctx, s, out)
		if err != nil {
			return s.explain(err)
		}
		if c.JSON {
			return out.printJSON(list)
		}
		return out.print(c.text(list, s.unitsPerDollar(ctx)))
	})
}

func (c *tokenListCmd) query() client.SearchOptions {
	return client.SearchOptions{
		ListOptions: client.ListOptions{Page: c.Page, PageSize: c.PageSize}, Keyword: c.Keyword, Group: c.Group,
		Status: map[string]wire.Status{"enabled": wire.Enabled, "disabled": wire.Disabled, "expired": wire.Expired, "exhausted": wire.Exhausted}[c.Status],
	}
}

func (c *tokenListCmd) searches() bool { return c.Keyword != "" || c.Status != "" || c.Group != "" }

func (c *tokenListCmd) read(ctx context.Context, s *session, out *console) (tokenListing, error) {
	query := c.query()
	searched, end := searchProgress(out)
	defer end()
	query.Searched = searched
	switch {
	case c.Imported && c.searches():
		return collect(imported(s.SearchAll(ctx, query)))
	case c.Imported:
		return collect(imported(s.All(ctx)))
	case c.All && c.searches():
		return collect(s.SearchAll(ctx, query))
	case c.All:
		return collect(s.All(ctx))
	case c.searches():
		page, err := s.Search(ctx, query)
		for err == nil && len(page.Items) == 0 && page.Next != 0 && c.Page < 2 { // nothing matches so far
			searched(page.Next)
			query.ListOptions = client.ListOptions{PageSize: c.PageSize, After: page.Next}
			page, err = s.Search(ctx, query)
		}
		return tokenListing(page), err
	default:
		page, err := s.List(ctx, query.ListOptions)
		return tokenListing(page), err
	}
}

// searchProgress shows how far a search is that reads several pages. Ids count from 1, so
// they tell what is left.
func searchProgress(out *console) (searched func(below int64), end func()) {
	var bar *progressbar.ProgressBar
	var from int64
	searched = func(below int64) {
		if bar == nil {
			from, bar = below, out.progress(int(below), "searching older tokens")
		}
		_ = bar.Set64(from - below)
	}
	return searched, func() {
		if bar != nil {
			_ = bar.Clear()
			_ = bar.Close()
		}
	}
}

// imported returns the tokens that kept the key of another system, and errors.
func imported(all iter.Seq2[wire.Token, error]) iter.Seq2[wire.Token, error] {
	return func(yield func(wire.Token, error) bool) {
		for t, err := range all {
			if (t.Imported != "" || err != nil) && !yield(t, err) {
				return
			}
		}
	}
}

func collect(all iter.Seq2[wire.Token, error]) (tokenListing, error) {
	list := tokenListing{Items: []wire.Token{}}
	for t, err := range all {
		if err != nil {
			return list, err
		}
		list.Items = append(list.Items, t)
	}
	list.Total = int64(len(list.Items))
	return list, nil
}

func (c *tokenListCmd) text(list tokenListing, perDollar int64) string {
	switch shown := int64(len(list.Items)); {
	case list.Next != 0 && c.searches() && (list.Page == 0 || list.Page*list.PageSize >= list.Total):
		return tokenTable(list.Items, perDollar) + "\nThe search has not reached older tokens; --all searches all.\n"
	case shown == 0 && list.Total > 0:
		return fmt.Sprintf("This page is empty; you have %d tokens. Choose a smaller --page.\n", list.Total)
	case shown == 0 && (c.searches() || c.Imported):
		return "No tokens match.\n"
	case shown == 0:
		return "You have no tokens. Create one with `tokenctl token create NAME`.\n"
	case shown < list.Total:
		return tokenTable(list.Items, perDollar) + fmt.Sprintf("\nShowing %d of %d tokens. Use --page or --all to see more.\n", shown, list.Total)
	default:
		return tokenTable(list.Items, perDollar)
	}
}

type tokenGetCmd struct {
	ID int64 `arg:"" help:"ID of the token."`
	watch
	remote
}

// Help implements kong.HelpProvider.
func (*tokenGetCmd) Help() string {
	return `Example:

    tokenctl token get 42 --watch`
}

// Run implements the command.
func (c *tokenGetCmd) Run(ctx context.Context, out *console) error {
	s, err := c.open()
	if err != nil {
		return err
	}
	return c.repeat(ctx, out, c.JSON, func(out *console) error {
		t, err := s.Get(ctx, c.ID)
		if err != nil {
			return s.explain(err)
		}
		if c.JSON {
			return out.printJSON(t)
		}
		return out.print(details(t.Token, string(t.ETag), s.unitsPerDollar(ctx)))
	})
}
