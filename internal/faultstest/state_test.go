package faultstest_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/shared/wire"
)

// state returns all that a user can read of its tokens, wallet and webhooks, without
// what differs between users and times.
func (u *user) state() string {
	requests := []request{
		u.as(http.MethodGet, wire.TokensPath+"?page_size=100", ""),
		u.as(http.MethodGet, wire.SelfPath, ""),
		u.as(http.MethodGet, wire.BudgetPath, ""),
		u.as(http.MethodGet, wire.WebhooksPath, ""),
	}
	for _, key := range u.keys {
		requests = append(requests, request{method: http.MethodGet, path: wire.UsagePath, bearer: key})
	}
	return u.read(requests...)
}

// history returns the user's audit trail and what its tokens were used for. Changes
// of the same millisecond have no order, so the lines are sorted. A repeated update is
// in the trail, too, and left out here if it changed nothing.
func (u *user) history() string {
	all := u.read(
		u.as(http.MethodGet, wire.SelfAuditPath+"?page_size=100", ""),
		u.as(http.MethodGet, wire.SelfHistoryPath+"?by=token", ""),
		u.as(http.MethodGet, wire.SelfHistoryPath+"?by=model", ""),
	)
	lines := slices.DeleteFunc(strings.Split(ordered(all), "\n"), unchangedUpdate.MatchString)
	return strings.Join(lines, "\n")
}

// ordered returns a text with the elements of its lists in an order of their own.
func ordered(s string) string {
	lines := strings.Split(strings.NewReplacer(`"items":[`, "\n", "},{", "}\n{", "},\n", "}\n", "]}]", "]}\n]").Replace(s), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

var unchangedUpdate = regexp.MustCompile(`"action":"\w+\.(?:updated|raised|enabled|disabled)".*"changes":\[\]\}`)

// read returns the answers to requests, one line for each element of a list.
func (u *user) read(requests ...request) string {
	var all strings.Builder
	for _, r := range requests {
		all.WriteString(r.path + ":\n" + strings.ReplaceAll(u.masked(u.do(r).body), "},{", "},\n{") + "\n")
	}
	return all.String()
}

// differences are what differs between two users whose states are the same: times,
// IDs, when something was measured, and when a key was last used, which is recorded
// only if nothing fails.
var differences = regexp.MustCompile(`,"last_used":\{[^}]*\}|,"(?:measured_at|behind_seconds)":\d+|"(?:request_id|id|event_id|next)":"[^"]*"|"(?:user_id|took_ms)":-?\d+|\b1[0-9]{9}(?:\d{3})?\b|\d{4}-\d\d-\d\dT[0-9:.]+Z`)

// secrets are keys, access tokens, and secrets of webhooks, masked or not.
var secrets = regexp.MustCompile(`(?:sk-|at-|whsec_)[\w+/=*]+|\b\w{40,}\b`)

// drawn are two amounts between which a token draws from its user's wallet. A draw is no
// charge, and may stay if the charge for which it was made is not made.
var drawn = regexp.MustCompile(`"remaining":(\d+),"in_tokens":(\d+)|"quota":(\d+),"used_quota":(\d+),"request_count"`)

// sumOf replaces the amounts of a wallet by their sum.
func sumOf(s string) string {
	var sum int64
	for _, digits := range drawn.FindStringSubmatch(s)[1:] {
		n, _ := strconv.ParseInt(digits, 10, 64) // or none
		sum += n
	}
	return `"SUM":` + itoa(sum)
}

// diff shows how a text differs from the wanted one.
func diff(got, want string) string {
	return cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n"))
}

func masked(body string) string { return secrets.ReplaceAllString(body, "SECRET") }

func (u *user) masked(body string) string {
	body = strings.ReplaceAll(masked(body), u.name, "NAME")
	body = drawn.ReplaceAllStringFunc(body, sumOf)
	body = differences.ReplaceAllStringFunc(body, func(s string) string {
		if s[0] == ',' {
			return ""
		}
		return "X"
	})
	return strings.ReplaceAll(body, `"id":`+itoa(u.id)+`,"username"`, `"id":X,"username"`)
}

func decode[T any](t *testing.T, a answer) T {
	t.Helper()
	var envelope wire.Envelope[T]
	if err := json.Unmarshal([]byte(a.body), &envelope); err != nil {
		t.Errorf("%d %s: %v", a.status, masked(a.body), err)
	}
	return envelope.Data
}

// decodeFailure reads the envelope of a failure; it is empty if there is none.
func decodeFailure(a answer) (f wire.Failure) {
	_ = json.Unmarshal([]byte(a.body), &f)
	return f
}
