package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/latchkey-api/latchkey/cmd/tokenctl/export"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

type tokenCreateCmd struct {
	Name  string `arg:"" help:"Name of the token, 1 to 50 characters."`
	Count int    `default:"1" placeholder:"N" help:"Create this many tokens, named NAME-1, NAME-2 and so on."`
	settings
	remote
}

// Help implements kong.HelpProvider.
func (*tokenCreateCmd) Help() string {
	return `Without flags a token has a quota of 0, never expires, and may call all models from any address. The key is printed once
and can't be shown again; if you lose it, rotate the token. With --count it creates 50 tokens at a time and prints one
line for each.

Example:

    tokenctl token create production-app --quota 500000 --expires-in 90d`
}

// Run implements the command.
func (c *tokenCreateCmd) Run(ctx context.Context, out *console) error {
	s, err := c.open()
	if err != nil {
		return err
	}
	if c.Count != 1 {
		return c.many(ctx, s, out)
	}
	in, err := c.input(time.Now())
	if err != nil {
		return err
	}
	in.Name = &c.Name
	t, err := s.Create(ctx, in)
	if err != nil {
		return s.explain(err)
	}
	if c.JSON {
		return out.printJSON(t.Token)
	}
	text := fmt.Sprintf("Token %d %s was created. Status: %s.\nKey: %s\nSave it now: it can't be shown again.\n", t.ID, visible(t.Name), statusName(t.Status), visible(t.Key))
	if end := whenExpires("It expires", t.Token); end != "" {
		text += end + "\n"
	}
	return out.print(text)
}

// whenExpires returns a sentence, or nothing for a token that never expires.
func whenExpires(subject string, t wire.Token) string {
	if t.ExpiredTime == token.Never {
		return ""
	}
	return fmt.Sprintf("%s at %s.", subject, timestamp(t.ExpiredTime))
}

// inputs returns the tokens to create, checked before the first batch is sent.
func (c *tokenCreateCmd) inputs(now time.Time) ([]wire.TokenInput, error) {
	const most = 100_000
	if c.Count < 1 || c.Count > most {
		return nil, problemf("--count must be between 1 and %d", most)
	}
	in, err := c.input(now)
	if err != nil {
		return nil, err
	}
	all := make([]wire.TokenInput, c.Count)
	for i := range all {
		all[i] = in
		all[i].Name = new(fmt.Sprintf("%s-%d", c.Name, i+1))
		if all[i], err = export.Check(all[i], now.Unix()); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// many creates c.Count tokens in batches and prints each batch at once.
func (c *tokenCreateCmd) many(ctx context.Context, s *session, out *console) error {
	all, err := c.inputs(time.Now())
	if err != nil {
		return err
	}
	bar := out.progress(len(all), "creating")
	defer bar.Close() //nolint:errcheck // only affects the display
	expire := ""
	for made := 0; made < len(all); {
		batch := all[made:min(made+token.MaxBatch, len(all))]
		tokens, err := s.createPatiently(ctx, batch)
		if err != nil {
			why := sentence(s.explain(err))
			if errors.Is(err, wire.ErrTokenLimit) {
				why = limitReached
			}
			if at, rest, ok := refusedItem(why); ok && at < len(batch) {
				why = fmt.Sprintf("token %q: %s", *batch[at].Name, rest)
			}
			return problemf("%d of %d tokens were created before this error: %s", made, len(all), why)
		}
		made += len(batch)
		if err := c.printMade(out, tokens); err != nil {
			return err
		}
		_ = bar.Add(len(batch))
		expire = whenExpires(" They expire", tokens[0])
	}
	if !c.JSON {
		out.note("Save the keys now: they can't be shown again." + expire)
	}
	return nil
}

func (c *tokenCreateCmd) printMade(out *console, tokens []wire.Token) error {
	var lines strings.Builder
	for _, t := range tokens {
		if c.JSON {
			if err := out.printJSON(t); err != nil {
				return err
			}
			continue
		}
		_, _ = fmt.Fprintf(&lines, "%d\t%s\t%s\n", t.ID, visible(t.Name), visible(t.Key))
	}
	return out.print(lines.String())
}
