package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/latchkey-api/latchkey/shared/token"
)

type userRotateCmd struct {
	Name      string   `arg:"" help:"Name of the user."`
	Revoke    bool     `help:"Complete the rotation: keep the newest access token and revoke all others."`
	ExpiresIn lifetime `placeholder:"DURATION" help:"Time until the new access token expires, such as 12h or 90d (default: it never expires)."`
	access
}

// Help implements kong.HelpProvider.
func (*userRotateCmd) Help() string {
	return fmt.Sprintf(`A rotation has two steps, so that no client is locked out:

1. Without --revoke it prints a new access token. The older ones stay valid, up to %d in all.

2. When every client uses the new one, run it with --revoke. The newest access token stays valid, all others are revoked,
and no new one is issued.

If only one access token is valid, --revoke does both steps at once: it issues a new one and revokes the old one.

Example:

    tokenctl user rotate alice
    tokenctl user rotate alice --revoke`, token.MaxSlots)
}

// Run implements the command.
func (c *userRotateCmd) Run(ctx context.Context, out *console) error {
	name, db, err := named(ctx, c.Name, c.access)
	if err != nil {
		return err
	}
	r, err := db.accounts().RotateAccessToken(ctx, name, c.Revoke, time.Duration(c.ExpiresIn))
	if err != nil {
		return db.explain(err, name)
	}
	if c.JSON {
		return out.printJSON(rotationJSON(r))
	}
	return out.print(rotationText(r, time.Now().Unix()))
}

// rotated is what --json prints.
type rotated struct {
	UserID      int64  `json:"user_id"`
	Name        string `json:"name"`
	AccessToken string `json:"access_token,omitempty"`
	Revoked     int    `json:"revoked"`
	ExpiresTime int64  `json:"expires_time,omitempty"`
}

func rotationJSON(r token.AccessTokenRotation) rotated {
	out := rotated{UserID: r.User.ID, Name: r.User.Name, Revoked: r.Revoked}
	if r.Issued != nil {
		out.AccessToken = r.Issued.Reveal()
		out.ExpiresTime = r.User.Slots[r.Issued.Slot].Expires
	}
	return out
}

func rotationText(r token.AccessTokenRotation, now int64) string {
	var text strings.Builder
	if r.Issued != nil {
		text.WriteString(shownOnce(*r.Issued, r.User.Slots[r.Issued.Slot].Expires))
	}
	valid := validAccessTokens(r.User, now)
	switch {
	case r.Issued == nil:
		_, _ = fmt.Fprintf(&text, "User %s keeps its newest access token. Older ones revoked: %d. No new one was issued.\n", r.User.Name, r.Revoked)
	case r.Revoked > 0:
		_, _ = fmt.Fprintf(&text, "This is now the only valid access token of user %s. Older ones revoked: %d.\n", r.User.Name, r.Revoked)
	case valid > 1:
		_, _ = fmt.Fprintf(&text, "User %s has %d valid access tokens; the maximum is %d. When every client uses the new one, run `tokenctl user rotate %s --revoke`.\n",
			r.User.Name, valid, token.MaxSlots, r.User.Name)
	}
	return text.String()
}
