package api

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// tokenView returns a token in its wire form, as of a time in Unix seconds.
func tokenView(t token.Token, now int64) wire.Token {
	shown := wire.Token{
		ID: t.ID, UserID: t.UserID, Key: t.Mask, Name: t.Name,
		Status:      t.StatusAt(now),
		CreatedTime: t.CreatedTime, AccessedTime: t.AccessedTime, ExpiredTime: t.ExpiredTime,
		RemainQuota: t.RemainAt(now), UsedQuota: t.UsedAt(now), UnlimitedQuota: t.UnlimitedQuota,
		ModelLimitsEnabled: t.ModelLimitsEnabled,
		Models:             append([]string{}, t.Models...),
		ModelLimits:        strings.Join(t.Models, ","),
		AllowIPs:           strings.Join(t.AllowIPs, "\n"),
		Subnet:             strings.Join(t.AllowIPs, ","),
		Group:              t.Group,
		Limits:             limitsView(t, now),
		ResetsAt:           t.ResetsAt(now),
		Imported:           t.ImportedFrom,
		LeakedTime:         t.LeakedTime,
	}
	shown.Extra = extraView(t.RaiseUse(now))
	if u := t.LastUsed(); u.Time != 0 {
		shown.LastUsed = &wire.LastUse{Time: u.Time, Network: u.Network, UserAgent: u.UserAgent}
	}
	if now < t.PreviousUntil {
		shown.PreviousKey, shown.PreviousUntil = t.PreviousMask, t.PreviousUntil
	}
	return shown
}

// tokenWithKey is tokenView with the key in plain text. Only the response that
// issues the key has it.
func tokenWithKey(t token.Token, key credential.Key, now int64) wire.Token {
	plain := tokenView(t, now)
	plain.Key = key.Reveal()
	return plain
}

// serverFields are known but not for callers to choose. They are ignored, so
// that a token can be sent back as it came.
var serverFields = []string{
	"user_id", "key", "previous_key", "previous_until", "created_time", "accessed_time", "used_quota", "resets_at", "extra", "imported", "leaked_time", "last_used",
}

// tokenUpdate converts the input to the domain's update.
func tokenUpdate(in wire.TokenInput, setting oneHubSetting) (token.Settings, error) {
	disabled, err := readStatus(in)
	if err != nil {
		return token.Settings{}, err
	}
	windows, err := readWindows(in.Windows)
	if err != nil {
		return token.Settings{}, err
	}
	quotas, err := readModelQuotas(in.ModelQuotas)
	return setting.apply(token.Settings{
		Name: in.Name, Disabled: disabled,
		ExpiredTime: in.ExpiredTime, RemainQuota: in.RemainQuota, UnlimitedQuota: in.UnlimitedQuota,
		ModelLimitsEnabled: in.ModelLimitsEnabled, Models: in.Models, OtherModels: []token.NamedList{{Name: "model_limits", Entries: in.ModelLimits}},
		AllowIPs: in.AllowIPs, OtherAllowIPs: []token.NamedList{{Name: "subnet", Entries: in.Subnet}}, Group: in.Group,
		Windows: windows, ModelQuotas: quotas,
		RequestsPerMinute: in.RequestsPerMinute, UnitsPerMinute: in.UnitsPerMinute, MaxConcurrent: in.MaxConcurrent,
	}), err
}

// readStatus reads the status. Expired and exhausted are not for callers to
// set: an echoed token may have them, and they change nothing.
func readStatus(in wire.TokenInput) (*bool, error) {
	if in.Status == nil {
		return nil, nil //nolint:nilnil // absent is a value here
	}
	switch token.Status(*in.Status) {
	case token.Enabled:
		return new(false), nil
	case token.Disabled:
		return new(true), nil
	case token.Expired, token.Exhausted:
		return nil, nil //nolint:nilnil // as if absent
	default:
		return nil, &token.InvalidError{Field: "status", Reason: "must be 1 to enable or 2 to disable the token"}
	}
}

// pathID reads the {id} of a path.
func pathID(r *http.Request) (int64, error) {
	id, ok := parseDigits(r.PathValue("id"))
	if !ok || id < 1 || id > token.MaxInteger {
		return 0, badID()
	}
	return id, nil
}

func badID() error {
	return &token.InvalidError{Field: "id", Reason: fmt.Sprintf("must be an integer between 1 and %d", int64(token.MaxInteger))}
}

// parseDigits reads a non-negative decimal number without sign or spaces. One
// that int64 can't hold becomes its largest value.
func parseDigits(s string) (int64, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, _ := strconv.ParseInt(s, 10, 64) // out of range is the only error left, and gives the largest
	return n, true
}
