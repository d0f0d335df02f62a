package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/latchkey-api/latchkey/shared/client"
	"github.com/latchkey-api/latchkey/shared/period"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

type tokenExtraCmd struct {
	ID      int64         `arg:"" help:"ID of the token."`
	Units   int64         `required:"" placeholder:"N" help:"Units by which the quota is larger; 0 ends the raise that it has."`
	For     lifetime      `placeholder:"DURATION" xor:"until" help:"Time for which it is, such as 2h or 7d, up to 366d."`
	Until   *moment       `placeholder:"TIME" xor:"until" help:"Time until which it is, such as 2030-01-31T12:00:00Z or 2030-01-31T12:00+02:00. A day such as 2030-01-31 means its start in UTC, and 2030-01-31+02:00 its start at that offset."`
	Window  *raisedWindow `placeholder:"PERIOD" help:"Raise the window of this period, such as day, instead of the lifetime quota. If more than one window has the period, add ,timezone=Europe/Berlin and ,hour=6, ,weekday=monday or ,day=15, as the window has them."`
	IfMatch string        `placeholder:"ETAG" help:"Raise the quota only if the token still has this ETag, which get shows."`
	remote
}

// Help implements kong.HelpProvider.
func (*tokenExtraCmd) Help() string {
	return `The raise ends by itself. It gives no units away: what was used counts on after its end, and the key is refused until the
quota has free units again. A quota has one raise at a time: another one replaces it.

Example:

    tokenctl token extra 42 --units 20000 --for 2h
    tokenctl token extra 42 --units 20000 --for 7d --window day
    tokenctl token extra 42 --units 0`
}

// Run implements the command.
func (c *tokenExtraCmd) Run(ctx context.Context, out *console) error {
	in, err := c.input(time.Now())
	if err != nil {
		return err
	}
	s, err := c.open()
	if err != nil {
		return err
	}
	var options []client.CallOption
	if c.IfMatch != "" {
		options = append(options, client.IfMatch(eTag(c.IfMatch)))
	}
	t, err := s.Raise(ctx, c.ID, in, options...)
	if err != nil {
		return s.explain(err)
	}
	if c.JSON {
		return out.printJSON(t.Token)
	}
	return out.print(details(t.Token, "", s.unitsPerDollar(ctx)))
}

func (c *tokenExtraCmd) input(now time.Time) (wire.ExtraInput, error) {
	in := wire.ExtraInput{Units: &c.Units}
	switch {
	case c.Until != nil && int64(*c.Until) == token.Never:
		return in, problemf("a raise can't last forever: change the quota itself with `tokenctl token update`")
	case c.Until != nil:
		in.Until = new(int64(*c.Until))
	case c.For != 0:
		in.Until = new(now.Add(time.Duration(c.For)).Unix())
	case c.Units != 0:
		return in, problemf("say how long the quota is raised: use --for, such as --for 2h, or --until")
	}
	if c.Window != nil {
		in.Window, in.Timezone, in.Anchor = &c.Window.length, c.Window.timezone, c.Window.anchor
	}
	return in, nil
}

// A raisedWindow selects a window of a token on the command line, such as day or
// day,timezone=Europe/Berlin,hour=6.
type raisedWindow struct {
	length   string
	timezone *string
	anchor   *wire.AnchorInput
}

// UnmarshalText parses a period, which the time zone and the anchor can follow.
func (w *raisedWindow) UnmarshalText(text []byte) error {
	length, rest, more := strings.Cut(string(text), ",")
	p, err := period.Period{Length: length}.Normalize()
	var settings []string
	if err == nil && more {
		settings = strings.Split(rest, ",")
		err = setWindow(&p, settings)
	}
	if err == nil {
		p, err = p.Normalize()
	}
	var invalid *period.InvalidError
	if errors.As(err, &invalid) {
		return problemf("%s", strings.TrimPrefix(invalid.Error(), "anchor "))
	}
	*w = raisedWindow{length: p.Length}
	isZone := func(setting string) bool { return strings.HasPrefix(setting, "timezone=") }
	if slices.ContainsFunc(settings, isZone) {
		w.timezone = &p.Timezone
	}
	if slices.ContainsFunc(settings, func(s string) bool { return !isZone(s) }) {
		w.anchor = &wire.AnchorInput{Hour: new(int64(p.Anchor.Hour)), Weekday: positive(p.Anchor.Weekday), Day: positive(p.Anchor.Day)}
	}
	return err
}
