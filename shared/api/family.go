package api

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/latchkey-api/latchkey/shared/token"
)

// A familyField is a field that clients of New API and its relatives send with a
// token, and that a token does not have here.
type familyField struct {
	name    string
	clients string // which clients send it
	instead string // if it restricts a token: what to send in its place; then it is refused unless it is off
}

// What several fields have in common.
const (
	newAPI, forks = "New API", "forks of New API"
	sendWindows   = "send windows, such as [{\"period\":\"day\",\"quota\":1000}]"
)

// familyFields are all of them. docs/family.md shows the table. Any other field
// that is not known is an error. Clients also send setting, see readOneHubSetting.
var familyFields = []familyField{
	{"cross_group_retry", newAPI, ""},
	{"auto_groups", newAPI, ""},
	{"DeletedAt", newAPI, ""},
	{"tokenCount", newAPI + " (both consoles)", ""},
	{"model_route_notify", newAPI + " (default console)", ""},
	{"remain_amount", newAPI + " (classic console)", ""},
	{"group_route_config", forks, ""},
	{"group_route_sticky", forks, ""},
	{"group_route_enabled", forks, ""},
	{"group_routes", forks, ""},
	{"mj_model", forks, ""},
	{"quota_type", forks, ""},
	{"is_edit", "One API, One Hub (consoles)", ""},
	{"backup_group", "One Hub", ""},
	{"backup_groups", "forks of One Hub", ""},

	{"model_limits_type", forks, "send the models that are allowed, in models, and model_limits_type 0"},
	{"quota_limit_period", forks, sendWindows},
	{"quota_limit_custom_seconds", forks, sendWindows},
	{"quota_limit", forks, sendWindows},
	{"window_hours", forks, sendWindows},
	{"window_quota", forks, sendWindows},
	{"cycle_days", forks, sendWindows},
	{"cycle_quota", forks, sendWindows},
	{"rate_limit_5h", forks, sendWindows},
	{"rate_limit_1d", forks, sendWindows},
	{"rate_limit_7d", forks, sendWindows},
	{"ip_whitelist", forks, "send allow_ips"},
	{"ip_blacklist", forks, "send the addresses that are allowed, in allow_ips"},
}

const settingField = "setting" // of One Hub

// decodeToken is decodeObject for the settings of a token. It returns what the
// fields of other clients say.
func decodeToken(body []byte, into any, ignored ...string) (oneHubSetting, error) {
	var setting oneHubSetting
	names, values, err := parseObject(body)
	if err != nil {
		return setting, err
	}
	ignored = append(slices.Concat(serverFields, ignored), settingField)
	for _, f := range familyFields {
		ignored = append(ignored, f.name)
	}
	if err := setFields(into, names, values, ignored); err != nil {
		return setting, err
	}
	for _, f := range familyFields {
		if raw, ok := values[f.name]; ok && f.instead != "" && !isOff(raw) {
			return setting, notSupported(f.name, f.instead)
		}
	}
	return readOneHubSetting(values[settingField])
}

func notSupported(field, instead string) error {
	return &token.InvalidError{Field: field, Reason: "is a limit that tokens don't have here, so nothing was done: " + instead + ", or leave it out"}
}

// isOff reports whether a value of a limit means that there is none.
func isOff(raw json.RawMessage) bool {
	if n, err := strconv.ParseFloat(string(raw), 64); err == nil {
		return n == 0
	}
	if s, ok := jsonString(raw); ok {
		text := strings.TrimSpace(*s)
		return text == "" || text == "never"
	}
	var compact bytes.Buffer
	if json.Compact(&compact, raw) != nil {
		return false
	}
	return slices.Contains([]string{"null", "false", "[]", "{}"}, compact.String())
}

// A oneHubSetting is the field setting of One Hub's clients, as far as it limits a
// token. A limit counts only if it is enabled: a client that has read a token here
// found no setting, and sends one in which all limits are off.
type oneHubSetting struct {
	Limits *oneHubLimits `json:"limits"`
}

type oneHubLimits struct {
	Models *oneHubModels `json:"limit_model_setting"`
	IPs    *oneHubIPs    `json:"limits_ip_setting"`
}

type oneHubModels struct {
	Enabled *bool    `json:"enabled"`
	Models  []string `json:"models" separators:","`
}

type oneHubIPs struct {
	Enabled   *bool    `json:"enabled"`
	Whitelist []string `json:"whitelist" separators:",\n"`
}

// readOneHubSetting reads the field setting. What it says beside limits, about
// how streams are kept alive and costs are labelled, is ignored.
func readOneHubSetting(raw json.RawMessage) (oneHubSetting, error) {
	var setting oneHubSetting
	if raw == nil || string(raw) == "null" {
		return setting, nil
	}
	if kind := kindOf(raw); kind != "an object" {
		return setting, &token.InvalidError{Field: settingField, Reason: "must be an object, not " + kind}
	}
	names, values, err := parseObject(raw)
	if err != nil {
		return setting, err
	}
	const prefix, reset = settingField + ".", "quota_reset" // which forks have
	if raw, ok := values[reset]; ok && !isOff(raw) {
		return setting, notSupported(prefix+reset, "send windows")
	}
	if err := setMembers(prefix, &setting, names, values, []string{"heartbeat", "billing_tag", reset}); err != nil {
		return setting, err
	}
	if limits := setting.Limits; limits != nil && limits.IPs != nil && valueOf(limits.IPs.Enabled) {
		limits.IPs.Whitelist = slices.DeleteFunc(limits.IPs.Whitelist, func(s string) bool { return strings.TrimSpace(s) == "" })
		if len(limits.IPs.Whitelist) == 0 {
			return setting, &token.InvalidError{Field: ipsField, Reason: "is enabled without addresses: send at least one, or enabled false"}
		}
	}
	return setting, nil
}

const (
	ipsField    = "setting.limits.limits_ip_setting"
	modelsField = "setting.limits.limit_model_setting.models"
)

// apply adds the limits that are enabled to the settings of a token.
func (o oneHubSetting) apply(s token.Settings) token.Settings {
	if o.Limits == nil {
		return s
	}
	if models := o.Limits.Models; models != nil && valueOf(models.Enabled) {
		s.ModelLimitsEnabled = new(true)
		s.OtherModels = append(s.OtherModels, token.NamedList{Name: modelsField, Entries: append([]string{}, models.Models...)})
	}
	if ips := o.Limits.IPs; ips != nil && valueOf(ips.Enabled) {
		s.OtherAllowIPs = append(s.OtherAllowIPs, token.NamedList{Name: ipsField, Entries: ips.Whitelist})
	}
	return s
}
