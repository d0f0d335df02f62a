package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/token"
)

type userDisableCmd struct {
	Name     string `arg:"" help:"Name of the user."`
	KeysOnly bool   `help:"Stop the keys only. The access tokens still work, but can't create or enable tokens."`
	access
}

// Help implements kong.HelpProvider.
func (*userDisableCmd) Help() string {
	return `The user's access tokens and the sk- keys of all of its tokens are refused until the user is enabled. It writes each token,
and returns when no key is accepted any more. Requests in progress are still charged. If it is interrupted, run it again.

Example:

    tokenctl user disable alice`
}

// Run implements the command.
func (c *userDisableCmd) Run(ctx context.Context, out *console) error {
	w, err := newTokenWalk(ctx, out, c.Name, c.access, "stopping keys")
	if err != nil {
		return err
	}
	r, err := w.db.accounts().Disable(ctx, w.name, c.KeysOnly, w.report)
	if err = w.end(ctx, r, err, "some of its keys may still be accepted"); err != nil {
		return err
	}
	if c.JSON {
		return out.printJSON(stoppedJSON(r))
	}
	if r.User.Disabled {
		return out.print(fmt.Sprintf("User %s is disabled, and its keys are stopped. Tokens changed: %d.\n", r.User.Name, r.Tokens))
	}
	return out.print(fmt.Sprintf("The keys of user %s are stopped. Tokens changed: %d. Its access tokens still work.\n", r.User.Name, r.Tokens))
}

type userEnableCmd struct {
	Name string `arg:"" help:"Name of the user."`
	access
}

// Help implements kong.HelpProvider.
func (*userEnableCmd) Help() string {
	return `It undoes "user disable", also with --keys-only. A token that its owner has disabled stays disabled.
If it is interrupted, run it again.

Example:

    tokenctl user enable alice`
}

// Run implements the command.
func (c *userEnableCmd) Run(ctx context.Context, out *console) error {
	w, err := newTokenWalk(ctx, out, c.Name, c.access, "starting keys")
	if err != nil {
		return err
	}
	r, err := w.db.accounts().Enable(ctx, w.name, w.report)
	if err = w.end(ctx, r, err, "some of its keys may still be refused"); err != nil {
		return err
	}
	if c.JSON {
		return out.printJSON(stoppedJSON(r))
	}
	keys := r.Before.KeysStopped() || r.Tokens > 0
	switch {
	case r.Before.Disabled && keys:
		return out.print(fmt.Sprintf("User %s is enabled, and its keys work again. Tokens changed: %d.\n", r.User.Name, r.Tokens))
	case r.Before.Disabled:
		return out.print(fmt.Sprintf("User %s is enabled.\n", r.User.Name))
	case keys:
		return out.print(fmt.Sprintf("The keys of user %s work again. Tokens changed: %d. Its access tokens were not disabled.\n", r.User.Name, r.Tokens))
	default:
		return out.print(fmt.Sprintf("User %s was not disabled, and its keys were not stopped.\n", r.User.Name))
	}
}

// stopped is what --json prints.
type stopped struct {
	UserID      int64  `json:"user_id"`
	Name        string `json:"name"`
	Disabled    bool   `json:"disabled"`
	KeysStopped bool   `json:"keys_stopped"`
	Changed     int64  `json:"changed_tokens"`
}

func stoppedJSON(r token.UserStop) stopped {
	return stopped{r.User.ID, r.User.Name, r.User.Disabled, r.User.KeysStopped(), r.Tokens}
}

type userDeleteCmd struct {
	Name string `arg:"" help:"Name of the user."`
	Yes  bool   `short:"y" help:"Delete without asking."`
	access
}

// Help implements kong.HelpProvider.
func (*userDeleteCmd) Help() string {
	return `It asks for confirmation. Without a terminal it requires --yes. It makes the access tokens invalid, removes all tokens, and
returns when no key is accepted any more. Units that requests in progress use are not charged. If it is interrupted, the
user can't be used any more: run it again. Afterwards another user can have the name.

Example:

    tokenctl user delete alice`
}

// Run implements the command.
func (c *userDeleteCmd) Run(ctx context.Context, out *console) error {
	w, err := newTokenWalk(ctx, out, c.Name, c.access, "deleting tokens")
	if err != nil {
		return err
	}
	u, err := w.db.store().FindUser(ctx, w.name)
	if err != nil {
		return w.db.explain(err, w.name)
	}
	if !c.Yes {
		if err := out.confirm(ctx, fmt.Sprintf("Permanently delete user %s and its %d tokens?", u.Name, u.TokenCount())); err != nil {
			return err
		}
	}
	r, err := w.db.accounts().Delete(ctx, w.name, w.report)
	if err = w.end(ctx, r, err, "some of its keys may still be accepted"); err != nil {
		return err
	}
	if c.JSON {
		return out.printJSON(struct {
			UserID  int64  `json:"user_id"`
			Name    string `json:"name"`
			Deleted int64  `json:"deleted_tokens"`
		}{r.User.ID, r.User.Name, r.Tokens})
	}
	return out.print(fmt.Sprintf("User %s was deleted. Tokens deleted: %d.\n", r.User.Name, r.Tokens))
}

// A tokenWalk is a command that changes all tokens of a user.
type tokenWalk struct {
	name   string
	db     *database
	report token.Progress
	clear  func()
}

func newTokenWalk(ctx context.Context, out *console, name string, a access, doing string) (*tokenWalk, error) {
	name, db, err := named(ctx, name, a)
	if err != nil {
		return nil, err
	}
	bar := out.progress(1, doing)
	report := func(done, of int64) {
		bar.ChangeMax64(max(done, of, 1))
		_ = bar.Set64(done)
	}
	return &tokenWalk{name, db, report, func() { _ = bar.Clear(); _ = bar.Close() }}, nil
}

// end returns the error of a walk that ended with err. If it has begun, state
// says what that means for the user. If it has succeeded, end waits until no
// process can accept a key from a lease that was made before.
func (w *tokenWalk) end(ctx context.Context, r token.UserStop, err error, state string) error {
	w.clear()
	if err == nil && (r.User.KeysStopped() || r.User.Deleting) {
		select {
		case <-ctx.Done():
			err = ctx.Err()
		case <-time.After(gate.LeaseDuration):
		}
	}
	switch begun := r.User.ID != 0; {
	case err == nil:
		return nil
	case begun && errors.Is(err, token.ErrContention):
		return problemf("another command changed user %s at the same time: run this command again if it should still apply", w.name)
	case begun && errors.Is(err, context.Canceled):
		return problemf("interrupted, so %s: run this command again", state)
	case begun && errors.Is(err, token.ErrUnavailable):
		return problemf("DynamoDB %s did not respond as expected, so %s: run this command again", w.db.at(), state)
	default:
		return w.db.explain(err, w.name)
	}
}
