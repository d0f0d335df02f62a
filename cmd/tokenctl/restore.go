package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/narrow"
	"github.com/latchkey-api/latchkey/shared/token"
)

type restoreCmd struct {
	From           string   `xor:"source" required:"" placeholder:"TABLE" help:"The live table, of which the backup is."`
	FromLog        string   `xor:"source" required:"" placeholder:"FILE" help:"Log lines of the functions since the backup, if the live table is gone."`
	DisableUnknown bool     `help:"With --from-log: disable tokens that were updated, because the log does not say how."`
	To             string   `required:"" placeholder:"TABLE" help:"The table that was restored. It must have no traffic."`
	DryRun         bool     `help:"Report the differences without changing anything."`
	Skip           []string `placeholder:"KIND" help:"Leave these differences as they are in the restored table, because undoing them is what the restore is for."`
	Endpoint       string   `env:"DYNAMODB_ENDPOINT" placeholder:"URL" help:"Use the DynamoDB engine at this URL instead of AWS."`
	JSON           bool     `help:"Print one line of JSON."`
}

// Help implements kong.HelpProvider.
func (*restoreCmd) Help() string {
	return `A backup has tokens that were deleted since, keys that were rotated, and units that were spent. The command changes the
restored table so that it accepts no key and no access token that the live one refuses, and no token has more left. No
setting becomes wider than it was in the backup. Each token has the live one's keys, use and open holds. The command also
switches on what a restored table lacks: time to live, point-in-time recovery, deletion protection and the stream.

Stop the API first, so that nothing is used between the two. The command can't see whether the restored table has traffic.
It changes nothing in the live table. It can be interrupted, and repeated. Users and tokens that were created since are not
in the restored table; their ids are not given again.

If the live table is gone, --from-log reads what the functions have logged since the backup, as JSON: lines, or what CloudWatch
exports. Tokens that were deleted are deleted, and those that were rotated lose their keys. It prints what a log can't say, such as used units.

The kinds of differences are ` + kindList() + `. Used units are not given back, except those of
tokens that were deleted since and that --skip deleted leaves.

Example:

    tokenctl restore --from latchkey-prod --to latchkey-restored --dry-run`
}

func kindList() string {
	names := make([]string, len(narrow.Skippable()))
	for i, k := range narrow.Skippable() {
		names[i] = string(k)
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

// Run implements the command.
func (c *restoreCmd) Run(ctx context.Context, out *console) error {
	if c.FromLog != "" {
		return c.runFromLog(ctx, out)
	}
	if c.DisableUnknown {
		return problemf("--disable-unknown needs --from-log: with --from it is known what was updated")
	}
	skip, err := skippedKinds(c.Skip)
	if err != nil {
		return err
	}
	if c.From == c.To {
		return problemf("--from and --to are the same table: --from is the live table, and --to the one that was restored from its backup")
	}
	live, err := connect(ctx, c.Endpoint, c.From)
	if err != nil {
		return err
	}
	if err := checkTable(c.To); err != nil {
		return err
	}
	restored := &database{live.client, c.To, live.endpoint, live.region}
	bar := out.progress(1, "Users")
	report, err := restored.store().Restore(ctx, dynamo.Restore{
		Live: live.store(), Skip: skip, Now: time.Now().Unix(), DryRun: c.DryRun,
		Report: func(done, of int64) {
			bar.ChangeMax64(of)
			_ = bar.Set64(done) // only a display
		},
	})
	_ = bar.Finish() // only a display
	if err != nil {
		return c.explain(err, live, restored)
	}
	settings, stream, err := dynamo.ProtectTable(ctx, restored.client, restored.table, c.DryRun)
	if err != nil {
		return problemf("%s; the tokens and users are done: run the command again for the settings of the table", sentence(err))
	}
	result := newRestored(c, report, settings, stream)
	if c.JSON {
		return out.printJSON(result)
	}
	return out.print(result.text())
}

func skippedKinds(names []string) ([]narrow.Kind, error) {
	var kinds []narrow.Kind
	for _, name := range names {
		if !slices.Contains(narrow.Skippable(), narrow.Kind(name)) {
			return nil, problemf("--skip %s is not a kind of difference that can be left out: use one of %s", name, kindList())
		}
		kinds = append(kinds, narrow.Kind(name))
	}
	return kinds, nil
}

// explain turns an error of a restore into a problem. Some of the changes may have
// been made.
func (c *restoreCmd) explain(err error, live, restored *database) error {
	var user *dynamo.RestoreError
	var table *dynamo.TableError
	at := map[string]*database{live.table: live, restored.table: restored}
	rest := "; what was done stays: run the command again for the rest"
	if c.DryRun {
		rest = ""
	}
	switch {
	case errors.As(err, &user) && errors.Is(err, dynamo.ErrRestoredIsNewer):
		return problemf("user %s has newer tokens in table %s than in table %s, so that is not a backup of it; nothing was changed: check that --from is the live table", user.User, c.To, c.From)
	case errors.As(err, &user):
		return problemf("user %s of table %s is not the same user in table %s, so the tables are of different deployments, or the live one is damaged; nothing was changed: check --from and --to", user.User, c.To, c.From)
	case errors.Is(err, dynamo.ErrRestoredIsOlder):
		return problemf("table %s was created before table %s, so it was not restored from a backup of it; nothing was changed: check that --from is the live table", c.To, c.From)
	case !errors.As(err, &table):
		return err
	case errors.Is(err, dynamo.ErrNoUsers):
		return problemf("table %s has no users, so it is not a table of the same deployment; nothing was changed: check --from and --to", table.Table)
	case errors.Is(err, token.ErrContention):
		return problemf("table %s was changed at the same time: it must have no traffic; what was done stays, so run the command again when nothing uses the table", table.Table)
	case errors.Is(err, context.Canceled):
		return problemf("interrupted%s", rest)
	case errors.Is(err, token.ErrUnavailable), errors.Is(err, token.ErrUncertain):
		return problemf("%s%s", sentence(at[table.Table].explain(table.Err, "")), rest)
	case missingTable(err):
		return problemf("table %s does not exist %s: check --from and --to; if the live table was deleted, see docs/deploy.md", table.Table, live.at())
	default:
		return at[table.Table].explain(table.Err, "")
	}
}

func missingTable(err error) bool {
	var refused interface{ ErrorCode() string }
	return errors.As(err, &refused) && refused.ErrorCode() == "ResourceNotFoundException"
}

// restored is what --json prints.
type restored struct {
	From      string           `json:"from"`
	To        string           `json:"to"`
	DryRun    bool             `json:"dry_run"`
	Users     int64            `json:"users"`
	Tokens    int64            `json:"tokens"`
	Changed   map[string]int64 `json:"changed"`
	Skipped   []string         `json:"skipped,omitempty"`
	NewUsers  int64            `json:"new_users"`
	NewTokens int64            `json:"new_tokens"`
	Disabled  []string         `json:"disabled,omitempty"` // user id/token id
	Settings  map[string]bool  `json:"settings"`           // whether each was on
	Stream    string           `json:"stream,omitempty"`
	order     []dynamo.TableSetting
}

func newRestored(c *restoreCmd, r dynamo.RestoreReport, settings []dynamo.TableSetting, stream string) restored {
	out := restored{
		From: c.From, To: c.To, DryRun: c.DryRun, Users: r.Users, Tokens: r.Tokens, Changed: map[string]int64{}, Skipped: c.Skip,
		NewUsers: r.NewUsers, NewTokens: r.NewTokens, Settings: settingsByName(settings), Stream: stream, order: settings,
	}
	for k, n := range r.Changed {
		out.Changed[string(k)] = n
	}
	for _, at := range r.Disabled {
		out.Disabled = append(out.Disabled, fmt.Sprintf("%d/%d", at.UserID, at.ID))
	}
	slices.Sort(out.Disabled)
	return out
}

// meaning says what a kind of difference is about.
func meaning(k narrow.Kind) string {
	return map[narrow.Kind]string{
		narrow.UsersDeleted:  "users that were deleted",
		narrow.UsersDisabled: "users that were disabled, or whose keys were stopped",
		narrow.AccessTokens:  "users whose access tokens were revoked or replaced",
		narrow.UserLimits:    "users whose limits are lower",
		narrow.Policies:      "users whose policy is stricter",
		narrow.Budgets:       "users and tokens whose budget was changed or used",
		narrow.Webhooks:      "webhooks that were changed or deleted",
		narrow.NewIDs:        "users whose new ids must not be given again",
		narrow.Prices:        "newer price table",
		narrow.Deleted:       "tokens that were deleted",
		narrow.Keys:          "tokens whose key was rotated",
		narrow.Disabled:      "tokens that were disabled or stopped",
		narrow.Expiry:        "tokens that expire earlier",
		narrow.Models:        "tokens that allow fewer models",
		narrow.Addresses:     "tokens that allow fewer addresses",
		narrow.Limits:        "tokens with lower quotas, rates or raises",
		narrow.Spent:         "tokens that were used, or have fewer units left",
		narrow.Groups:        "users and tokens of another price group",
	}[k]
}

func (r restored) text() string {
	var text strings.Builder
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(&text, format+"\n", args...) } // a Builder never fails
	line("Table %s: %s, %s.", r.To, counted(r.Users, "user"), counted(r.Tokens, "token"))
	for _, k := range narrow.Kinds() {
		if n := r.Changed[string(k)]; n > 0 {
			line("  %5d  %-14s  %s", n, k, meaning(k))
		}
	}
	if len(r.Changed) == 0 {
		line("Nothing in it is wider than in table %s.", r.From)
	}
	if n := len(r.Skipped); n > 0 {
		line("Left as in the backup: %s.", strings.Join(r.Skipped, ", "))
	}
	if r.NewUsers+r.NewTokens > 0 {
		line("Created since the backup, and not in the table: %s, and %s of the other users.", counted(r.NewUsers, "user"), counted(r.NewTokens, "token"))
	}
	if len(r.Disabled) > 0 {
		line("Disabled, because no token can have the limits of both tables (user/token): %s.", strings.Join(r.Disabled, ", "))
	}
	text.WriteString(settingLines(r.order, r.DryRun, r.Stream))
	if r.DryRun {
		line("Nothing was changed. To change it, run the command without --dry-run.")
		return text.String()
	}
	line("Table %s can take the place of table %s.", r.To, r.From)
	return text.String()
}

// settingsByName returns whether each setting was on.
func settingsByName(settings []dynamo.TableSetting) map[string]bool {
	on := map[string]bool{}
	for _, s := range settings {
		if !s.Unknown {
			on[s.Name] = s.WasOn
		}
	}
	return on
}

// settingLines says what was switched on, or is off in a dry run.
func settingLines(settings []dynamo.TableSetting, dryRun bool, stream string) string {
	var text strings.Builder
	for _, s := range settings {
		switch {
		case s.Unknown:
			text.WriteString("The " + s.Name + " is not known to this engine.\n")
		case !s.WasOn && dryRun:
			text.WriteString("The " + s.Name + " is off.\n")
		case !s.WasOn:
			text.WriteString("The " + s.Name + " is on now.\n")
		}
	}
	if stream != "" && !dryRun {
		text.WriteString("Stream: " + stream + "\n")
	}
	return text.String()
}
