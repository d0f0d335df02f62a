package api

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/latchkey-api/latchkey/shared/token"
)

// CollectionPath is where a user's tokens are; a token is below it.
const (
	CollectionPath = "/api/token"
	tokenPath      = CollectionPath + "/" + idParameter
)

// A Token is a token as the API shows it. Times are Unix seconds, quotas
// units. Key is the mask, except in the answer that created the token.
type Token struct {
	ID                 int64    `json:"id"`
	UserID             int64    `json:"user_id"`
	Key                string   `json:"key"`
	Name               string   `json:"name"`
	Status             int      `json:"status"` // 1 enabled, 2 disabled, 3 expired, 4 exhausted
	CreatedTime        int64    `json:"created_time"`
	AccessedTime       int64    `json:"accessed_time"`
	ExpiredTime        int64    `json:"expired_time"` // -1 = never
	RemainQuota        int64    `json:"remain_quota"`
	UsedQuota          int64    `json:"used_quota"`
	UnlimitedQuota     bool     `json:"unlimited_quota"`
	ModelLimitsEnabled bool     `json:"model_limits_enabled"`
	Models             []string `json:"models"`
	ModelLimits        string   `json:"model_limits"` // the models again, for clients of the API family
	AllowIPs           string   `json:"allow_ips"`    // one address or prefix a line
	Group              string   `json:"group"`
	PreviousKey        string   `json:"previous_key,omitempty"` // the mask of the key before, while it works
	PreviousUntil      int64    `json:"previous_until,omitempty"`
}

// view shows a token as it is at a second.
func view(t token.Token, now int64) Token {
	shown := Token{
		ID: t.ID, UserID: t.UserID, Key: t.Mask, Name: t.Name,
		Status:      int(t.StatusAt(now)),
		CreatedTime: t.CreatedTime, AccessedTime: t.AccessedTime, ExpiredTime: t.ExpiredTime,
		RemainQuota: t.RemainAt(now), UsedQuota: t.UsedAt(now), UnlimitedQuota: t.UnlimitedQuota,
		ModelLimitsEnabled: t.ModelLimitsEnabled,
		Models:             append([]string{}, t.Models...),
		ModelLimits:        strings.Join(t.Models, ","),
		AllowIPs:           strings.Join(t.AllowIPs, "\n"),
		Group:              t.Group,
	}
	if now < t.PreviousUntil {
		shown.PreviousKey, shown.PreviousUntil = t.PreviousMask, t.PreviousUntil
	}
	return shown
}

// shown is a token with its key in plain text, for the one answer that has it.
func shown(t token.Token, key token.Key, now int64) Token {
	plain := view(t, now)
	plain.Key = key.Reveal()
	return plain
}

// TokenInput is the body of a create or an update: what a caller may choose.
// A nil field is absent: the default on create, unchanged on update. The
// lists may come as arrays, or as strings with separators.
type TokenInput struct {
	ID                 *int64    `json:"id,omitempty"` // which token; for updates
	Name               *string   `json:"name,omitempty"`
	Status             *int64    `json:"status,omitempty"` // 1 enables, 2 disables
	ExpiredTime        *int64    `json:"expired_time,omitempty"`
	RemainQuota        *int64    `json:"remain_quota,omitempty"`
	UnlimitedQuota     *bool     `json:"unlimited_quota,omitempty"`
	ModelLimitsEnabled *bool     `json:"model_limits_enabled,omitempty"`
	Models             *[]string `json:"models,omitempty" separators:","`
	ModelLimits        *[]string `json:"model_limits,omitempty" separators:","` // alias of models, which wins
	AllowIPs           *[]string `json:"allow_ips,omitempty" separators:",\n"`
	Group              *string   `json:"group,omitempty"`
}

// serverFields are known but not for callers to choose. They are ignored, so
// that a token can be sent back as it came, also one of the API family's.
var serverFields = []string{
	"user_id", "key", "previous_key", "previous_until", "created_time", "accessed_time", "used_quota",
	"cross_group_retry", "auto_groups", "is_edit", "DeletedAt",
}

// update is the input as the domain knows it.
func (in TokenInput) update() (token.Update, error) {
	disabled, err := in.disabled()
	models := in.Models
	if models == nil {
		models = in.ModelLimits
	}
	return token.Update{
		Name: in.Name, Disabled: disabled,
		ExpiredTime: in.ExpiredTime, RemainQuota: in.RemainQuota, UnlimitedQuota: in.UnlimitedQuota,
		ModelLimitsEnabled: in.ModelLimitsEnabled, Models: models,
		AllowIPs: in.AllowIPs, Group: in.Group,
	}, err
}

// disabled reads the status. Expired and exhausted are not for callers to
// set: an echoed token may have them, and they change nothing.
func (in TokenInput) disabled() (*bool, error) {
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
	id, ok := digits(r.PathValue("id"))
	if !ok || id < 1 || id > token.MaxInteger {
		return 0, badID()
	}
	return id, nil
}

func badID() error {
	return &token.InvalidError{Field: "id", Reason: fmt.Sprintf("must be an integer between 1 and %d", int64(token.MaxInteger))}
}

// digits reads a non-negative decimal number without sign or spaces. One
// that int64 can't hold becomes its largest value.
func digits(s string) (int64, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, _ := strconv.ParseInt(s, 10, 64) // out of range is the only error left, and gives the largest
	return n, true
}
