package main

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
)

type userCmd struct {
	Create  userCreateCmd  `cmd:"" help:"Create a user and print its first access token."`
	List    userListCmd    `cmd:"" help:"List all users."`
	Show    userShowCmd    `cmd:"" help:"Show a user: its state, limits, access tokens, budget and policy."`
	Rotate  userRotateCmd  `cmd:"" help:"Issue another access token, or revoke the older ones with --revoke."`
	Disable userDisableCmd `cmd:"" help:"Disable a user: the API refuses its access tokens, and its keys are stopped."`
	Enable  userEnableCmd  `cmd:"" help:"Enable a disabled user, and let stopped keys work again."`
	Delete  userDeleteCmd  `cmd:"" help:"Delete a user and all of its tokens for good."`
	Limit   userLimitCmd   `cmd:"" help:"Show or set how many tokens a user may have and how fast it may create them."`
	Budget  userBudgetCmd  `cmd:"" help:"Set a budget that all tokens of a user share."`
	Policy  userPolicyCmd  `cmd:"" help:"Show or set what a user's tokens must have, and what new ones get."`
}

// Help implements kong.HelpProvider.
func (*userCmd) Help() string {
	return `Without DYNAMODB_ENDPOINT or --endpoint these commands use AWS. To manage the users of the local server, set one of them
to the engine's URL that "tokenctl serve" prints.

Example:

    tokenctl user list --endpoint http://127.0.0.1:8000`
}

type userCreateCmd struct {
	Name      string   `arg:"" help:"Name of the user: letters, digits and . _ - @"`
	Role      string   `placeholder:"ROLE" help:"user, which may manage its own tokens, or guest, which may not (default user)."`
	ExpiresIn lifetime `placeholder:"DURATION" help:"Time until the access token expires, such as 12h or 90d (default: it never expires)."`
	access
}

// Help implements kong.HelpProvider.
func (*userCreateCmd) Help() string {
	return `The access token is printed once and can't be shown again. If it is lost, run "tokenctl user rotate".

Example:

    tokenctl user create alice --expires-in 90d`
}

// Run implements the command.
func (c *userCreateCmd) Run(ctx context.Context, out *console) error {
	role := token.RoleUser
	if c.Role != "" {
		var err error
		if role, err = token.CheckRole(c.Role); err != nil {
			return err
		}
	}
	db, err := connect(ctx, c.Endpoint, c.Table)
	if err != nil {
		return err
	}
	u, at, err := db.accounts().Create(ctx, c.Name, role, time.Duration(c.ExpiresIn))
	if err != nil {
		return db.explain(err, c.Name)
	}
	expires := u.Slots[at.Slot].Expires
	if c.JSON {
		return out.printJSON(struct {
			UserID      int64  `json:"user_id"`
			Name        string `json:"name"`
			AccessToken string `json:"access_token"`
			Role        string `json:"role,omitempty"`
			ExpiresTime int64  `json:"expires_time,omitempty"`
		}{u.ID, u.Name, at.Reveal(), c.Role, expires})
	}
	return out.print(fmt.Sprintf("User %s was created with ID %d and role %s.\n", u.Name, u.ID, u.Role) + shownOnce(at, expires))
}

// shownOnce returns the lines that show a new access token.
func shownOnce(at credential.AccessToken, expires int64) string {
	end := ""
	if expires != 0 {
		end = "It expires at " + timestamp(expires) + ".\n"
	}
	return "Access token: " + at.Reveal() + "\nSave it now: it can't be shown again.\n" + end
}

func timestamp(second int64) string { return time.Unix(second, 0).UTC().Format(time.RFC3339) }

type userListCmd struct {
	access
}

// Help implements kong.HelpProvider.
func (*userListCmd) Help() string {
	return `TOKENS is the number of sk- tokens, ACCESS TOKENS the number of valid access tokens. The keys
of a disabled user are refused, and those of a user with the state "keys stopped". If a user is "being deleted", its deletion
was interrupted: run "user delete" again.

Example:

    tokenctl user list --json`
}

// Run implements the command.
func (c *userListCmd) Run(ctx context.Context, out *console) error {
	out.readOnly = true
	db, err := connect(ctx, c.Endpoint, c.Table)
	if err != nil {
		return err
	}
	users, err := db.accounts().List(ctx)
	if err != nil {
		return db.explain(err, "")
	}
	now := time.Now().Unix()
	if c.JSON {
		return out.printJSON(listed(users, now))
	}
	if len(users) == 0 {
		return out.print("There are no users " + db.at() + ". Create one with `tokenctl user create NAME`.\n")
	}
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "ID\tNAME\tROLE\tSTATE\tCREATED\tTOKENS\tACCESS TOKENS") // a Builder never fails
	for _, u := range users {
		_, _ = fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%d\t%d\n", u.ID, u.Name, u.Role, stateOf(u), timestamp(u.Created), u.TokenCount(), validAccessTokens(u, now))
	}
	_ = w.Flush()
	return out.print(table.String())
}

// stateOf describes whether the operator has stopped a user.
func stateOf(u token.User) string {
	switch {
	case u.Deleting:
		return "being deleted"
	case u.Disabled:
		return "disabled"
	case u.KeysStopped():
		return "keys stopped"
	default:
		return "enabled"
	}
}

// listedUser is one user in what --json prints.
type listedUser struct {
	UserID       int64  `json:"user_id"`
	Name         string `json:"name"`
	Role         string `json:"role"`
	Disabled     bool   `json:"disabled"`
	KeysStopped  bool   `json:"keys_stopped"`
	Deleting     bool   `json:"deleting,omitempty"`
	CreatedTime  int64  `json:"created_time"`
	Tokens       int64  `json:"tokens"`
	AccessTokens int    `json:"access_tokens"`
}

func listed(users []token.User, now int64) []listedUser {
	all := make([]listedUser, len(users))
	for i, u := range users {
		all[i] = listedUser{u.ID, u.Name, string(u.Role), u.Disabled, u.KeysStopped(), u.Deleting, u.Created, u.TokenCount(), validAccessTokens(u, now)}
	}
	return all
}

func validAccessTokens(u token.User, now int64) int {
	n := 0
	for _, s := range u.Slots {
		if s.Valid(now) {
			n++
		}
	}
	return n
}

// named checks a user's name and connects to the database.
func named(ctx context.Context, name string, a access) (string, *database, error) {
	name, err := token.CheckUserName(name)
	if err != nil {
		return "", nil, err
	}
	db, err := connect(ctx, a.Endpoint, a.Table)
	return name, db, err
}

// lifetime is a duration given on the command line.
type lifetime time.Duration

// UnmarshalText parses a Go duration of at least 1s, or whole days such as 90d.
func (l *lifetime) UnmarshalText(text []byte) error {
	const day = 24 * time.Hour
	s := string(text)
	d, err := time.ParseDuration(s)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		var n int64
		n, err = strconv.ParseInt(days, 10, 64)
		if n > int64(math.MaxInt64/day) {
			n = 0
		}
		d = time.Duration(n) * day
	}
	if err != nil || d < time.Second {
		return problemf("%q is not a valid time: use at least 1s, such as 90s, 12h or 90d", s)
	}
	*l = lifetime(d)
	return nil
}
