package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A logLine is what a restore needs of the line of a request.
type logLine struct {
	Message  string  `json:"msg"`
	Route    string  `json:"route"`
	Status   int     `json:"status"`
	UserID   int64   `json:"user_id"`
	TokenID  int64   `json:"token_id"`
	TokenIDs []int64 `json:"token_ids"`
}

// readLog returns which tokens the requests of a log have changed. A request that
// failed in the service may have changed them, too.
func readLog(file string) (map[token.Address]dynamo.LoggedChange, error) {
	f, err := os.Open(file) //nolint:gosec // the operator names it
	if err != nil {
		return nil, problemf("%s can't be read (%s)", file, reason(err))
	}
	defer f.Close() //nolint:errcheck // it was only read
	changes := map[token.Address]dynamo.LoggedChange{}
	requests := 0
	values := json.NewDecoder(bufio.NewReader(f))
	values.UseNumber()
	for {
		var value any
		err := values.Decode(&value)
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = eachLine(value, func(line logLine) {
				requests++
				line.addTo(changes)
			})
		}
		if err != nil {
			return nil, problemf("%s is not a log of the functions from byte %d on (%s): export the log lines as JSON", file, values.InputOffset(), err)
		}
	}
	if requests == 0 {
		return nil, problemf("%s has no request: export the log lines of the functions delete, batchdelete, rotate, update, status, batchstatus, extra, create and fallback", file)
	}
	return changes, nil
}

// eachLine calls do for each line of a request in a value: the line itself, or in an
// export of CloudWatch, which has lines in lists, and as texts or objects in members.
func eachLine(value any, do func(logLine)) error {
	switch v := value.(type) {
	case []any:
		for _, inner := range v {
			if err := eachLine(inner, do); err != nil {
				return err
			}
		}
	case string:
		if inner := strings.TrimSpace(v); strings.HasPrefix(inner, "{") { // others are Lambda's own
			var line any
			numbers := json.NewDecoder(strings.NewReader(inner))
			numbers.UseNumber()
			if err := numbers.Decode(&line); err != nil {
				return err
			}
			return eachLine(line, do)
		}
	case map[string]any:
		if _, isLine := v["msg"]; !isLine {
			return eachLine(slices.Collect(maps.Values(v)), do)
		}
		text, err := json.Marshal(v)
		var line logLine
		if err == nil {
			err = json.Unmarshal(text, &line)
		}
		if err == nil && line.Message == "request" {
			do(line)
		}
		return err
	}
	return nil
}

// addTo adds what the request may have changed.
func (l logLine) addTo(changes map[token.Address]dynamo.LoggedChange) {
	for _, id := range append(l.TokenIDs, l.TokenID) {
		at := token.Address{UserID: l.UserID, ID: id}
		if change := l.change(changes[at]); at.UserID > 0 && id > 0 && change != (dynamo.LoggedChange{}) {
			changes[at] = change
		}
	}
}

// change adds to what is known of a token what this request may have changed. A
// deletion that found no token says that an earlier one, which may have ended
// without a line, has deleted it: the backup has it.
func (l logLine) change(known dynamo.LoggedChange) dynamo.LoggedChange {
	if l.Route == "delete" && l.Status == http.StatusNotFound {
		known.Deleted = true
		return known
	}
	if l.Status != http.StatusOK && l.Status < http.StatusInternalServerError {
		return known
	}
	switch l.Route {
	case "delete", "batchdelete":
		known.Deleted = true
	case "rotate", "revoke": // it has a token only if it revoked a key
		known.Rotated = true
	case "update", "status", "batchstatus", "extra":
		known.Updated = true
	}
	return known
}

// runFromLog is Run without a live table.
func (c *restoreCmd) runFromLog(ctx context.Context, out *console) error {
	if len(c.Skip) > 0 {
		return problemf("--skip needs --from: a log does not say what was changed")
	}
	changes, err := readLog(c.FromLog)
	if err != nil {
		return err
	}
	restored, err := connect(ctx, c.Endpoint, c.To)
	if err != nil {
		return err
	}
	report, err := restored.store().RestoreFromLog(ctx, dynamo.LogRestore{
		Changes: changes, DisableUnknown: c.DisableUnknown, Now: time.Now().Unix(), DryRun: c.DryRun,
	})
	if err != nil {
		return c.explain(err, restored, restored)
	}
	settings, stream, err := dynamo.ProtectTable(ctx, restored.client, restored.table, c.DryRun)
	if err != nil {
		return problemf("%s; the tokens are done: run the command again for the settings of the table", sentence(err))
	}
	result := newRestoredFromLog(c, report, settings, stream)
	if c.JSON {
		return out.printJSON(result)
	}
	return out.print(result.text())
}

// restoredFromLog is what --json prints.
type restoredFromLog struct {
	To       string          `json:"to"`
	DryRun   bool            `json:"dry_run"`
	Deleted  []string        `json:"deleted"` // each user id/token id
	Rotated  []string        `json:"rotated"`
	Disabled []string        `json:"disabled"`
	Unknown  []string        `json:"unknown"`
	Missing  int64           `json:"missing"`
	Settings map[string]bool `json:"settings"`
	Stream   string          `json:"stream,omitempty"`
	order    []dynamo.TableSetting
}

func newRestoredFromLog(c *restoreCmd, r dynamo.LogReport, settings []dynamo.TableSetting, stream string) restoredFromLog {
	ids := func(all []token.Address) []string {
		texts := []string{}
		for _, at := range all {
			texts = append(texts, fmt.Sprintf("%d/%d", at.UserID, at.ID))
		}
		return texts
	}
	return restoredFromLog{
		To: c.To, DryRun: c.DryRun, Deleted: ids(r.Deleted), Rotated: ids(r.Rotated), Disabled: ids(r.Disabled), Unknown: ids(r.Unknown),
		Missing: r.Missing, Settings: settingsByName(settings), Stream: stream, order: settings,
	}
}

func (r restoredFromLog) text() string {
	var text strings.Builder
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(&text, format+"\n", args...) } // a Builder never fails
	for _, part := range []struct {
		what string
		ids  []string
	}{
		{"Deleted", r.Deleted},
		{"Rotated, so that no key works until the user rotates again", r.Rotated},
		{"Disabled, because the log does not say what was updated", r.Disabled},
		{"Not known, because the log does not say what was updated", r.Unknown},
	} {
		if len(part.ids) > 0 {
			line("%s (user/token): %s.", part.what, strings.Join(part.ids, ", "))
		}
	}
	if r.Missing > 0 {
		line("In the log, but not in the table: %s.", counted(r.Missing, "token"))
	}
	text.WriteString(settingLines(r.order, r.DryRun, r.Stream))
	line("The log does not say, and the table still has as in the backup:")
	line("  used units: each token has what it had left then. Lower it with `tokenctl token update --quota`, or set budgets.")
	line("  what tokenctl changed: users deleted or disabled, keys stopped, access tokens revoked, limits, policies, budgets, prices.")
	line("  ids given since: a new token or user may get the id of one that is lost. Old keys of it stay refused.")
	if r.DryRun {
		line("Nothing was changed. To change it, run the command without --dry-run.")
	}
	return text.String()
}
