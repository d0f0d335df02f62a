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
	c.ID = unique(c.ID)
	in := wire.UpdateInput{TokenInput: c.input(time.Now()), QuotaDelta: c.AddQuota}
	in.Name = c.Name
	others := c.Name != nil || c.AddQuota != nil || c.settings != settings{}
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
	status := wire.Enabled
	if c.Disable {
		status = wire.Disabled
	}
	if len(c.ID) > 1 {
		return c.bulk(s, out).run(c.ID, func(ids []int64) ([]wire.Result, error) { return s.SetStatusAll(ctx, ids, status) })
	}
	var options []client.CallOption
	if c.IfMatch != "" {
		options = append(options, client.IfMatch(eTag(c.IfMatch)))
	}
	var t client.Token
	if others {
		if c.Enable || c.Disable {
			in.Status = new(int64(status))
		}
		t, err = s.Update(ctx, c.ID[0], in, options...)
	} else {
		t, err = s.SetStatus(ctx, c.ID[0], status, options...)
	}
	if err != nil {
		return s.explain(err)
	}
	if c.JSON {
		return out.printJSON(t.Token)
	}
	return out.print(details(t.Token, ""))
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
	return out.print(fmt.Sprintf("Token %d is deleted.\n", c.ID[0]))
}

func (c *tokenDeleteCmd) ask(ctx context.Context, s *session, out *console) error {
	question := fmt.Sprintf("Delete %d tokens for good?", len(c.ID))
	if len(c.ID) == 1 && isTerminal(out.in) {
		t, err := s.Get(ctx, c.ID[0])
		if err != nil {
			return s.explain(err)
		}
		question = fmt.Sprintf("Delete token %d %s for good?", t.ID, visible(t.Name))
	}
	return out.confirm(ctx, question)
}
