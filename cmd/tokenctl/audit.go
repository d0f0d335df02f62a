package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-api/latchkey/shared/history"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

type auditCmd struct {
	User  string  `placeholder:"NAME" help:"Only what concerns this user, its tokens and its webhooks (default all users, and the prices)."`
	Token *int64  `placeholder:"ID" help:"Only this token of --user."`
	Since instant `placeholder:"TIME" help:"Only changes from this time on, such as 2026-11-01 or 2026-11-01T12:00:00Z (default 7 days ago)."`
	access
}

// Help implements kong.HelpProvider.
func (*auditCmd) Help() string {
	return `It prints who has changed what, newest first, for the last 400 days at most: changes of tokens and webhooks by their users,
those that commands have made, and webhooks that were disabled because their receivers failed. A change appears about a minute after it was made; the last line says how far the list was behind. With --json, each line has one change.

Example:

    tokenctl audit --user alice --since 2026-11-01`
}

// Run implements the command.
func (c *auditCmd) Run(ctx context.Context, out *console) error {
	out.readOnly = true
	var tokenID int64
	switch {
	case c.Token != nil && *c.Token < 1:
		return problemf("--token must be 1 or more")
	case c.Token != nil && c.User == "":
		return problemf("--token needs --user: token ids count from 1 for each user")
	case c.Token != nil:
		tokenID = *c.Token
	}
	since := time.Now().Add(-7 * 24 * time.Hour)
	if !c.Since.IsZero() {
		since = c.Since.Time
	}
	if since.After(time.Now()) {
		return problemf("--since must be in the past")
	}
	db, err := connect(ctx, c.Endpoint, c.Table)
	if err != nil {
		return err
	}
	var ids []int64
	if c.User != "" {
		name, db, err := named(ctx, c.User, c.access)
		if err != nil {
			return err
		}
		u, err := db.store().FindUser(ctx, name)
		if err != nil {
			return db.explain(err, name)
		}
		ids = append(ids, u.ID)
	} else if ids, err = db.store().UserIDs(ctx); err != nil {
		return db.explain(err, "")
	} else {
		ids = append(ids, 0)
	}
	var all []history.Entry
	for _, id := range ids {
		entries, err := auditSince(ctx, db, id, tokenID, since.UnixMilli())
		if err != nil {
			return db.explain(err, c.User)
		}
		all = append(all, entries...)
	}
	slices.SortFunc(all, func(a, b history.Entry) int { return cmp.Compare(b.ID, a.ID) })
	for _, e := range all {
		if err := out.print(auditLine(e, c.JSON)); err != nil {
			return err
		}
	}
	if len(all) == 0 && !c.JSON {
		if err := out.print("No changes since " + timestamp(since.Unix()) + ".\n"); err != nil {
			return err
		}
	}
	behind, measured, err := db.store().FoldStatus(ctx)
	if err != nil {
		return db.explain(err, c.User)
	}
	switch {
	case c.JSON:
		return nil
	case measured == 0:
		return out.print("Recent changes may be missing.\n")
	default:
		return out.print(fmt.Sprintf("The list was %s behind at %s; newer changes may be missing.\n", seconds(behind), timestamp(measured)))
	}
}

// auditSince returns the entries of a user, or of one of its tokens, from a Unix
// millisecond on.
func auditSince(ctx context.Context, db *database, userID, id, since int64) (all []history.Entry, err error) {
	const pageSize = 500
	for before := ""; ; {
		page, next, err := db.store().Audit(ctx, userID, id, before, pageSize)
		if err != nil {
			return nil, err
		}
		for _, e := range page {
			if e.At < since {
				return all, nil
			}
			all = append(all, e)
		}
		if next == "" {
			return all, nil
		}
		before = next
	}
}

// auditLine is an entry as one line.
func auditLine(e history.Entry, asJSON bool) string {
	at := time.UnixMilli(e.At).UTC().Format(time.RFC3339)
	if asJSON {
		line, _ := json.Marshal(map[string]any{ //nolint:errchkjson // texts, numbers, and what is JSON already
			"id": e.ID, "time": at, "action": e.Action, "user_id": e.UserID, "token_id": e.TokenID, "webhook_id": e.WebhookID, "token_name": e.Name, "by": e.By,
			"access_token": e.Slot, "user_version": e.UserVersion, "address": e.Address, "request_id": e.RequestID, "command": e.Command, "person": e.Person, "changes": e.Changes,
		})
		return string(line) + "\n"
	}
	by := []string{string(e.By), e.Command, e.Person, e.Address}
	if e.RequestID != "" {
		by = append(by, "request ID "+e.RequestID)
	}
	if e.By == history.ByUser {
		by[1] = fmt.Sprint("access token ", e.Slot)
	}
	by = slices.DeleteFunc(by, func(s string) bool { return s == "" })
	line := fmt.Sprintf("%s  %s  user %d", at, e.Action, e.UserID)
	if e.TokenID != 0 {
		line += fmt.Sprintf(" token %d %q", e.TokenID, e.Name)
	}
	if e.WebhookID != 0 {
		line += fmt.Sprintf(" webhook %d", e.WebhookID)
	}
	line += "  by " + strings.Join(by, ", ")
	for _, c := range e.Changes {
		line += fmt.Sprintf("; %s %s → %s", c.Setting, settingText(c.Setting, c.Before), settingText(c.Setting, c.After))
	}
	return line + "\n"
}

// settingText returns the value of a setting, which is JSON, for a person.
func settingText(setting string, value json.RawMessage) string {
	n, err := strconv.ParseInt(string(value), 10, 64)
	isTime := strings.HasSuffix(setting, "_time") || strings.HasSuffix(setting, "_until")
	switch {
	case len(value) == 0:
		return "none"
	case err == nil && isTime && n == token.Never:
		return "never"
	case err == nil && isTime && n == 0:
		return "none"
	case err == nil && isTime:
		return timestamp(n)
	case err == nil && setting == "status":
		return map[bool]string{true: "enabled", false: "disabled"}[n == int64(wire.Enabled)]
	default:
		return string(value)
	}
}
