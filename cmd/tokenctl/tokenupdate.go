package main

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/client"
	"github.com/latchkey-api/latchkey/shared/token"
)

type tokenUpdateCmd struct {
	ID       []int64 `arg:"" help:"The token's id; several to enable or disable them."`
	Name     *string `placeholder:"NAME" help:"Another name."`
	Enable   bool    `xor:"status" help:"Enable it."`
	Disable  bool    `xor:"status" help:"Disable it."`
	AddQuota *int64  `placeholder:"N" xor:"quota" help:"Add units to what is left, whatever is spent meanwhile; below 0 takes away."`
	IfMatch  string  `placeholder:"ETAG" help:"Change it only if it still has the ETag that get has shown."`
	settings
	remote
}

// Help implements kong.HelpProvider.
func (*tokenUpdateCmd) Help() string {
	return `What is not named stays as it is.

Example:

    tokenctl token update 42 --add-quota 100000 --expires never
    tokenctl token update 42 43 44 --disable`
}

// Run implements the command.
func (c *tokenUpdateCmd) Run(ctx context.Context, out *console) error {
	in := api.UpdateInput{TokenInput: c.input(time.Now()), QuotaDelta: c.AddQuota}
	in.Name = c.Name
	others := in != api.UpdateInput{}
	switch {
	case c.Quota != nil && c.AddQuota != nil:
		return problemf("--quota can't go with --add-quota: give one of them")
	case !others && !c.Enable && !c.Disable:
		return problemf("there is nothing to change: see `tokenctl token update --help`")
	case len(c.ID) > 1 && (others || c.IfMatch != ""):
		return problemf("several tokens can be enabled or disabled together, and no more: update them one by one")
	}
	s, err := c.open()
	if err != nil {
		return err
	}
	status := token.Enabled
	if c.Disable {
		status = token.Disabled
	}
	if len(c.ID) > 1 {
		return c.bulk(s, out).run(c.ID, func(ids []int64) ([]api.Result, error) { return s.SetStatusAll(ctx, ids, status) })
	}
	var options []client.Option
	if c.IfMatch != "" {
		options = append(options, client.IfMatch(eTag(c.IfMatch)))
	}
	var t api.Token
	if others {
		in.ID = &c.ID[0]
		if c.Enable || c.Disable {
			in.Status = new(int64(status))
		}
		t, err = s.Change(ctx, in, options...)
	} else {
		t, err = s.SetStatus(ctx, c.ID[0], status, options...)
	}
	if err != nil {
		return s.explain(err)
	}
	if c.JSON {
		return out.printJSON(t)
	}
	return out.print(details(t, ""))
}

func (c *tokenUpdateCmd) bulk(s *session, out *console) bulk {
	done := "enabled"
	if c.Disable {
		done = "disabled"
	}
	return bulk{s, out, done, c.JSON}
}

// eTag takes a version without its quotes, too, which shells eat.
func eTag(s string) client.ETag {
	if regexp.MustCompile(`^\d+$`).MatchString(s) {
		return client.ETag(`"` + s + `"`)
	}
	return client.ETag(s)
}

type tokenDeleteCmd struct {
	ID  []int64 `arg:"" help:"The ids of the tokens."`
	Yes bool    `short:"y" help:"Don't ask."`
	remote
}

// Help implements kong.HelpProvider.
func (*tokenDeleteCmd) Help() string {
	return `It asks first. Without a terminal it needs --yes.

Example:

    tokenctl token delete 42 43 44`
}

// Run implements the command.
func (c *tokenDeleteCmd) Run(ctx context.Context, out *console) error {
	s, err := c.open()
	if err != nil {
		return err
	}
	if !c.Yes {
		if err := c.ask(ctx, s, out); err != nil {
			return err
		}
	}
	if len(c.ID) > 1 {
		return bulk{s, out, "deleted", c.JSON}.run(c.ID, func(ids []int64) ([]api.Result, error) { return s.DeleteAll(ctx, ids) })
	}
	if err := s.Delete(ctx, c.ID[0]); err != nil {
		return s.explain(err)
	}
	if c.JSON {
		return out.printJSON(bulkResult{1, []api.Result{{ID: c.ID[0], Success: true}}})
	}
	return out.print(fmt.Sprintf("Token %d is deleted.\n", c.ID[0]))
}

func (c *tokenDeleteCmd) ask(ctx context.Context, s *session, out *console) error {
	question := fmt.Sprintf("Delete %d tokens for good?", len(c.ID))
	if len(c.ID) == 1 && isTerminal(out.in) {
		t, err := s.Get(ctx, c.ID[0])
		if err != nil {
			return s.explain(err)
		}
		question = fmt.Sprintf("Delete token %d %s for good?", t.ID, t.Name)
	}
	return out.confirm(ctx, question)
}

// A bulk does one thing to many tokens.
type bulk struct {
	session *session
	out     *console
	done    string // what has become of them
	json    bool
}

type bulkResult struct {
	Count   int          `json:"count"`
	Results []api.Result `json:"results"`
}

// run goes through the ids a batch at a time, tells each failure on stderr,
// and is an error if there was one.
func (b bulk) run(ids []int64, batch func([]int64) ([]api.Result, error)) error {
	all := bulkResult{Results: []api.Result{}}
	bar := b.out.progress(len(ids), b.done)
	defer bar.Close() //nolint:errcheck // a bar
	for some := range slices.Chunk(ids, client.MaxIDs) {
		results, err := batch(some)
		if err != nil {
			return problemf("%d of %d tokens are %s, and then it went wrong: %s", all.Count, len(ids), b.done, sentence(b.session.explain(err)))
		}
		for i := range results {
			results[i].Index += len(all.Results)
			if results[i].Success {
				all.Count++
			}
		}
		all.Results = append(all.Results, results...)
		_ = bar.Add(len(some))
	}
	_ = bar.Finish()
	return b.report(all)
}

func (b bulk) report(all bulkResult) error {
	for _, r := range all.Results {
		if !r.Success {
			b.out.note(fmt.Sprintf("token %d: %s.", r.ID, lowered(r.Message)))
		}
	}
	if b.json {
		if err := b.out.printJSON(all); err != nil {
			return err
		}
	}
	if failed := len(all.Results) - all.Count; failed > 0 {
		return problemf("%d of %d tokens are %s, and %d are not", all.Count, len(all.Results), b.done, failed)
	}
	if b.json {
		return nil
	}
	return b.out.print(fmt.Sprintf("%d tokens are %s.\n", all.Count, b.done))
}
