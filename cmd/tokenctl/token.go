package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

type tokenCmd struct {
	List   tokenListCmd   `cmd:"" help:"List your tokens, newest first, with optional filters."`
	Create tokenCreateCmd `cmd:"" help:"Create one or more tokens and print their keys, once."`
	Get    tokenGetCmd    `cmd:"" help:"Show one token."`
	Update tokenUpdateCmd `cmd:"" help:"Change a token, or enable or disable several."`
	Delete tokenDeleteCmd `cmd:"" help:"Delete tokens; their keys stop working at once."`
	Rotate tokenRotateCmd `cmd:"" help:"Replace the key of a token and print the new one, once."`
	Extra  tokenExtraCmd  `cmd:"" help:"Raise the quota of a token, or one of its windows, for a while."`
	Import tokenImportCmd `cmd:"" help:"Create tokens from an export of another system."`
}

// Help implements kong.HelpProvider.
func (*tokenCmd) Help() string {
	return `These commands call the API at LATCHKEY_URL with LATCHKEY_ACCESS_TOKEN, or the API saved by "tokenctl login".

Example:

    tokenctl token create production-app --quota 500000 --models gpt-4o,gpt-4o-mini`
}

// statusName returns the word for a status.
func statusName(status wire.Status) string {
	switch status {
	case token.Enabled:
		return "enabled"
	case token.Disabled:
		return "disabled"
	case token.Expired:
		return "expired"
	case token.Exhausted:
		return "exhausted"
	default:
		return strconv.Itoa(int(status))
	}
}

// tableStatus is statusName, but for a token whose key has leaked.
func tableStatus(t wire.Token) string {
	if t.LeakedTime != 0 {
		return "leaked"
	}
	return statusName(t.Status)
}

func expiry(t wire.Token) string {
	if t.ExpiredTime == token.Never {
		return "never"
	}
	return timestamp(t.ExpiredTime)
}

// remain returns what is left of a token's quota; see amount for perDollar.
func remain(t wire.Token, perDollar int64) string {
	if t.UnlimitedQuota {
		return "unlimited"
	}
	return amount(t.RemainQuota, perDollar)
}

func models(t wire.Token) string {
	if !t.ModelLimitsEnabled {
		return "all"
	}
	return strings.Join(t.Models, ",")
}

// lastUsed returns when a token was last used and from where, and - for one that
// was never used.
func lastUsed(t wire.Token) string {
	u := t.LastUsed
	if u == nil {
		return "-"
	}
	from := strings.TrimSpace(u.Network + " " + u.UserAgent)
	return strings.TrimSpace(timestamp(u.Time) + "  " + from)
}

// shorten limits the width of a table column to 32 characters.
func shorten(s string) string {
	const most = 32
	if letters := []rune(s); len(letters) > most {
		return string(letters[:most-1]) + "…"
	}
	return s
}

// tokenTable returns one line for each token, below a header. It has a column for
// windows if one of the tokens has windows.
func tokenTable(tokens []wire.Token, perDollar int64) string {
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	header, window := "", func(wire.Token) string { return "" }
	if slices.ContainsFunc(tokens, func(t wire.Token) bool { return len(t.Windows) > 0 }) {
		header, window = "WINDOW\t", func(t wire.Token) string { return visible(tightest(t.Windows)) + "\t" }
	}
	_, _ = fmt.Fprintln(w, "ID\tNAME\tKEY\tSTATUS\tREMAIN\tUSED\t"+header+"EXPIRES\tMODELS\tLAST USED") // a Builder never fails
	for _, t := range tokens {
		_, _ = fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s%s\t%s\t%s\n", t.ID, visible(t.Name), visible(t.Key), tableStatus(t), remain(t, perDollar), amount(t.UsedQuota, perDollar), window(t), expiry(t), visible(shorten(models(t))), visible(lastUsed(t)))
	}
	_ = w.Flush()
	return table.String()
}

// details returns every field of a token, one on a line. version is its ETag, or
// empty.
func details(t wire.Token, version string, perDollar int64) string {
	var list strings.Builder
	w := tabwriter.NewWriter(&list, 0, 0, 2, ' ', 0)
	lines := [][2]string{
		{"ID", strconv.FormatInt(t.ID, 10)},
		{"Name", t.Name},
		{"Key", t.Key},
		{"Status", statusLine(t)},
		{"Remain", remain(t, perDollar)},
		{"Used", amount(t.UsedQuota, perDollar)},
	}
	if t.Extra != nil {
		lines = append(lines, [2]string{"Raised", raise(t.Extra, perDollar)})
	}
	lines = append(lines, limitLines(t.Limits, perDollar)...)
	for _, line := range append(lines, [][2]string{
		{"Expires", expiry(t)},
		{"Models", models(t)},
		{"Allowed IPs", orElse(strings.ReplaceAll(t.AllowIPs, "\n", ","), "all")},
		{"Group", orElse(t.Group, "-")},
		{"Created", timestamp(t.CreatedTime)},
		{"Last used", lastUsed(t)},
	}...) {
		_, _ = fmt.Fprintf(w, "%s\t%s\n", line[0], visible(line[1]))
	}
	if t.PreviousUntil != 0 {
		_, _ = fmt.Fprintf(w, "Old key\t%s, valid until %s\n", visible(t.PreviousKey), timestamp(t.PreviousUntil))
	}
	if version != "" {
		_, _ = fmt.Fprintf(w, "ETag\t%s\n", visible(version))
	}
	_ = w.Flush()
	return list.String()
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
