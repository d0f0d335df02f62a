package export

import (
	"github.com/latchkey-api/latchkey/shared/wire"
)

// unkey returns the dialect of Unkey, of both versions of its API.
func unkey() dialect {
	const (
		rates       = "restricts the key: a limit of which each one has a duration of 60000 and is applied to every verification becomes requests_per_minute; set others after the import"
		permissions = "is what the key may do in the application that asks Unkey, and Latchkey does not check it: check it in the application"
	)
	return dialect{
		name: "Unkey", id: []string{"keyid", "id"}, label: []string{"name"},
		owners:   [][]string{{"identity.externalid"}, {"externalid"}, {"ownerid"}},
		markers:  []string{"keyid", "remaining", "credits.remaining", "apiid", "enabled", "workspaceid"},
		columns:  []string{"keyid", "id", "name", "remaining", "credits.remaining", "credits.refill", "refill", "expires", "enabled", "deletedat", "ratelimits"},
		objects:  []string{"credits", "identity"},
		harmless: []string{"start", "apiid", "workspaceid", "forworkspaceid", "lastusedat", "plaintext", "hash", "identity.id", "identity.externalid", "externalid", "ownerid", "environment"},
		restricting: map[string]string{
			"permissions": permissions, "roles": permissions, "ratelimit": rates, "identity.ratelimits": rates,
			"ratelimitasync": rates, "ratelimitlimit": rates, "ratelimitrefillrate": rates, "ratelimitrefillinterval": rates, "ratelimitduration": rates,
		},
		optional: []string{"ratelimits"},
		needs:    enabledNeeds, whole: "export whole keys",
		read: readUnkey, key: keyOfUnkey, used: func(*fields) int64 { return 0 }, there: unkeyThere,
	}
}

// readUnkey reads Unkey's columns. Times are in milliseconds. A key without
// credits has an unlimited quota.
func readUnkey(f *fields) wire.TokenInput {
	var in wire.TokenInput
	f.deleted("deletedat")
	enabled := f.boolean("enabled")
	disable(&in, enabled != nil && !*enabled)
	if ms := f.integer("expires"); ms != nil {
		const perSecond = 1000
		in.ExpiredTime = new(*ms / perSecond)
	}
	if left := f.integer("remaining", "credits.remaining"); left != nil {
		f.give(&in, *left)
	} else {
		in.UnlimitedQuota = new(true)
	}
	if _, refill := f.find("credits.refill", "refill"); refill != nil {
		if in.RemainQuota == nil {
			f.wrong("refill", "refills credits, but the key has none: export it again")
		}
		f.warnings = append(f.warnings, "its credits are not refilled here: give the token a window for that")
	}
	in.RequestsPerMinute = f.ratelimits()
	return in
}

// ratelimits returns the lowest of the limits for each minute.
func (f *fields) ratelimits() *int64 {
	const column, minute = "ratelimits", 60_000 // milliseconds
	_, v := f.find(column)
	if v == nil {
		return nil
	}
	type ratelimit struct {
		ID        string `json:"id"`
		Name      string `json:"name"`
		Limit     int64  `json:"limit"`
		Duration  int64  `json:"duration"`
		AutoApply bool   `json:"autoApply"`
	}
	var limits []ratelimit
	f.objects(column, &limits)
	var lowest *int64
	for _, l := range limits {
		if l.Limit < 1 || l.Duration != minute || !l.AutoApply {
			f.wrong(column, unkey().restricting["ratelimit"]+", and add --ignore-column "+column)
		}
		if lowest == nil || l.Limit < *lowest {
			lowest = &l.Limit
		}
	}
	return lowest
}
