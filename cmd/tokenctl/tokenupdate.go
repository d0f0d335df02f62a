package main

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"github.com/latchkey-api/latchkey/shared/client"
	"github.com/latchkey-api/latchkey/shared/wire"
)

type tokenUpdateCmd struct {
	ID       []int64 `arg:"" help:"ID of the token; several IDs only with --enable or --disable."`
	Name     *string `placeholder:"NAME" help:"New name."`
	Enable   bool    `xor:"status" help:"Enable the token."`
	Disable  bool    `xor:"status" help:"Disable the token."`
	AddQuota *int64  `placeholder:"N" xor:"quota" help:"Add N units to the remaining quota, without losing concurrent spending; a negative N subtracts."`
	IfMatch  string  `placeholder:"ETAG" help:"Change the token only if it still has this ETag, which get shows."`
	settings
	remote
}

// Help implements kong.HelpProvider.
func (*tokenUpdateCmd) Help() string {
	return `Fields without a flag stay unchanged.

Example:

    tokenctl token update 42 --add-quota 100000 --expires never
    tokenctl token update 42 43 44 --disable`
}

// Run implements the command.
func (c *tokenUpdateCmd) Run(ctx context.Context, out *console) error {
	c.ID = unique(c.ID)
	changes, err := c.input(time.Now())
	if err != nil {
		return err
	}
	in := wire.UpdateInput{TokenInput: changes, QuotaDelta: c.AddQuota}
	in.Name = c.Name
	others := c.Name != nil || c.AddQuota != nil || c.given()
	switch {
	case c.Quota != nil && c.AddQuota != nil:
		return problemf("--quota and --add-quota can't be used together: use one of them")
	case !others && !c.Enable && !c.Disable:
		return problemf("no change was given: see `tokenctl token update --help`")
	case len(c.ID) > 1 && (others || c.IfMatch != ""):
		return problemf("several tokens can only be enabled or disabled together: make other changes one token at a time")
	}
	s, err := c.open()
	if err != nil {
		return err
	}
	status := wire.Enabled
	if c.Disable {
		status = wire.Disabled
	}
	if len(c.ID) > 1 {
		return c.bulk(s, out).run(c.ID, func(ids []int64) ([]wire.Result, error) { return s.SetStatusAll(ctx, ids, status) })
	}
	if c.Enable || c.Disable {
		in.Status = new(int64(status))
	}
	t, err := c.change(ctx, s, out, in, others)
	if err != nil {
		return s.explain(err)
	}
	if c.JSON {
		return out.printJSON(t.Token)
	}
	return out.print(details(t.Token, "", s.unitsPerDollar(ctx)))
}

// change updates one token, or sets only its status. It warns of windows and model
// quotas that were removed because others were given.
func (c *tokenUpdateCmd) change(ctx context.Context, s *session, out *console, in wire.UpdateInput, others bool) (t client.Token, err error) {
	var options []client.CallOption
	if c.IfMatch != "" {
		options = append(options, client.IfMatch(eTag(c.IfMatch)))
	}
	if !others {
		return s.SetStatus(ctx, c.ID[0], wire.Status(*in.Status), options...)
	}
	var before client.Token
	if c.replaces() {
		if before, err = s.Get(ctx, c.ID[0]); err != nil {
			return t, err
		}
	}
	if t, err = s.Update(ctx, c.ID[0], in, options...); err != nil {
		return t, err
	}
	for _, warning := range c.replaced(before.Limits, t.Limits) {
		out.note("warning: " + warning + ".")
	}
	return t, nil
}

func (c *tokenUpdateCmd) bulk(s *session, out *console) bulk {
	done := "enabled"
	if c.Disable {
		done = "disabled"
	}
	return bulk{s, out, done, c.JSON}
}

// eTag adds the quotes of an ETag if they are missing, because a shell removes them.
func eTag(s string) client.ETag {
	if regexp.MustCompile(`^\d+$`).MatchString(s) {
		return client.ETag(`"` + s + `"`)
	}
	return client.ETag(s)
}

type tokenDeleteCmd struct {
	ID  []int64 `arg:"" help:"IDs of the tokens."`
	Yes bool    `short:"y" help:"Delete without asking."`
	remote
}

// Help implements kong.HelpProvider.
func (*tokenDeleteCmd) Help() string {
	return `It asks for confirmation. Without a terminal it requires --yes.

Example:

    tokenctl token delete 42 43 44`
}

// Run implements the command.
func (c *tokenDeleteCmd) Run(ctx context.Context, out *console) error {
	s, err := c.open()
	if err != nil {
		return err
	}
	c.ID = unique(c.ID)
	if !c.Yes {
		if err := c.ask(ctx, s, out); err != nil {
			return err
		}
	}
	if len(c.ID) > 1 {
		return bulk{s, out, "deleted", c.JSON}.run(c.ID, func(ids []int64) ([]wire.Result, error) { return s.DeleteAll(ctx, ids) })
	}
	if err := s.Delete(ctx, c.ID[0]); err != nil {
		return s.explain(err)
	}
	if c.JSON {
		return out.printJSON(bulkResult{1, []wire.Result{{ID: c.ID[0], Success: true}}})
	}
	return out.print(fmt.Sprintf("Token %d deleted.\n", c.ID[0]))
}

// ask asks for confirmation and names the token if there is only one.
func (c *tokenDeleteCmd) ask(ctx context.Context, s *session, out *console) error {
	question := fmt.Sprintf("Permanently delete %d tokens?", len(c.ID))
	if len(c.ID) == 1 && isTerminal(out.in) {
		t, err := s.Get(ctx, c.ID[0])
		if err != nil {
			return s.explain(err)
		}
		question = fmt.Sprintf("Permanently delete token %d %s?", t.ID, visible(t.Name))
	}
	return out.confirm(ctx, question)
}
