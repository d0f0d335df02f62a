package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/latchkey-api/latchkey/cmd/tokenctl/export"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A comparison collects the differences of one key.
type comparison struct {
	*shadow
	there export.There
	here  gate.KnownKey
	at    difference // where it is
	all   []difference
}

func (c *comparison) add(kind, what, there, here string) {
	d := c.at
	d.Kind, d.What, d.There, d.Here = kind, what, there, here
	c.all = append(c.all, d)
}

// compare returns the differences of a row.
func (s *shadow) compare(row export.Row, here gate.KnownKey) []difference {
	c := comparison{shadow: s, there: row.There, here: here, at: difference{Row: row.Number, Line: row.Line, Key: row.There.Key.Mask}}
	problem := row.Problem
	if problem == "" && row.Skip == "" {
		problem = row.There.Problem
	}
	if row.There.Key == (export.Key{}) {
		c.at.Key, c.at.problem = "**********", orElse(row.There.Problem, problem)
		c.add(unclear, "key", c.at.problem, "")
		return c.all
	}
	answer := s.answer(here)
	if c.at.problem = problem; problem != "" {
		switch { // it was not imported, or before the row had the error
		case answer == valid:
			c.add(looser, "status", "not known ("+problem+")", valid)
		case s.passes(here, false):
			c.add(looser, "status", "not known ("+problem+")", answer+forAWhile)
		case row.There.Refusal == "":
			c.add(stricter, "status", "valid or not known ("+problem+")", answer)
		}
		return c.all
	}
	if here.ID == 0 || row.There.Refusal == export.Deleted {
		return s.status(c.at, row.There, here)
	}
	c.balance()
	c.windows()
	if row.There.Refusal != "" || !c.isUsedUp() {
		c.all = append(s.status(c.at, row.There, here), c.all...)
	}
	if name := s.names[here.UserID]; row.User != "" && name != row.User {
		c.add(looser, "user", row.User, name) // whose budget and policy bind it
	}
	c.expiry()
	c.models()
	c.addresses()
	c.rate("requests per minute", c.there.RequestsPerMinute, here.RequestsPerMinute)
	c.rate("units per minute", c.there.UnitsPerMinute, here.UnitsPerMinute)
	c.rate("requests at a time", c.there.MaxConcurrent, here.MaxConcurrent)
	return c.all
}

// valid is the answer about a key that may be used.
const valid = "valid"

// answer returns Latchkey's answer about the whole key.
func (s *shadow) answer(here gate.KnownKey) string {
	v, err := here.Verify(quota.Question{})
	switch {
	case err != nil:
		return err.Error() // not for a question without a model
	case v.Valid():
		return valid
	case v.Scope != "" && v.Scope != quota.ScopeToken:
		return string(v.Refusal) + " (" + v.Scope + ")"
	default:
		return string(v.Refusal)
	}
}

// status compares the answers about the whole key. Two refusals are the same
// answer, whatever their reasons, if they last.
func (s *shadow) status(at difference, there export.There, here gate.KnownKey) []difference {
	at.What, at.There, at.Here = "status", orElse(there.Refusal, valid), s.answer(here)
	if here.ID == 0 && s.rotated.hashes[there.Key.Hash] {
		at.Here = rotatedHere
	}
	switch {
	case at.There == valid && at.Here != valid:
		at.Kind = stricter
	case at.There != valid && at.Here == valid:
		at.Kind = looser
	case at.There != valid && s.passes(here, there.Renews):
		at.Kind, at.Here = looser, at.Here+forAWhile
	default:
		return nil
	}
	return []difference{at}
}

// balance compares the remaining quota.
func (c *comparison) balance() {
	const what, none = "remaining quota", "unlimited"
	here := c.here
	switch {
	case c.there.Unlimited && here.UnlimitedQuota:
	case c.there.Unlimited:
		c.add(stricter, what, none, fmt.Sprint(here.RemainAt(c.now)))
	case here.UnlimitedQuota:
		c.add(looser, what, fmt.Sprint(c.there.Remaining), none)
	default:
		held := here.HeldAt(c.now)
		usable := max(0, here.FreeAt(c.now)+held) // with a raise
		c.left(what, c.there.Remaining, usable, here.UsedAt(c.now)+held-c.there.Used)
	}
}

// isUsedUp reports whether the key is refused here only because of what was used
// here.
func (c *comparison) isUsedUp() bool {
	v, err := c.here.Verify(quota.Question{})
	isOwn := v.Scope == quota.ScopeToken || strings.HasPrefix(v.Scope, quota.ScopeWindow)
	return err == nil && v.Refusal == quota.RefusedExhausted && isOwn && len(c.all) > 0 &&
		!slices.ContainsFunc(c.all, func(d difference) bool { return d.Kind != usedHere })
}

// left compares what is left of a quota. used is how much more of it was used here
// than there.
func (c *comparison) left(what string, there, here, used int64) {
	expected := max(0, there-max(0, used))
	switch {
	case here > expected:
		c.add(looser, what, fmt.Sprint(there), fmt.Sprint(here))
	case here < expected:
		c.add(stricter, what, fmt.Sprint(there), fmt.Sprint(here))
	case here < there:
		c.add(usedHere, what, fmt.Sprint(there), fmt.Sprint(here))
	}
}

func (c *comparison) expiry() {
	const never = int64(token.Never)
	there, here := c.there.Expires, c.here.ExpiredTime
	switch {
	case there == here:
	case here == never || there != never && here > there:
		c.add(looser, "expiry", expiryText(there), expiryText(here))
	default:
		c.add(stricter, "expiry", expiryText(there), expiryText(here))
	}
}

func expiryText(at int64) string {
	if at == token.Never {
		return "never"
	}
	return timestamp(at)
}

// ask compares one answer about something that the key is used with.
func (c *comparison) ask(what string, there bool, q quota.Question) {
	if kind, says := c.differs(there, q); kind != "" {
		c.addAnswer(kind, what, says)
	}
}

// addAnswer adds a difference of differs.
func (c *comparison) addAnswer(kind, what, says string) {
	there := "refused"
	if kind == stricter {
		there = "allowed"
	}
	c.add(kind, what, there, says)
}

// differs compares one answer, and returns the kind of the difference, if there is
// one, and Latchkey's answer. If Latchkey refuses the whole key, that is what it
// would answer if the key were valid.
func (c *comparison) differs(there bool, q quota.Question) (kind, here string) {
	q, err := q.Normalize()
	if err != nil && there {
		return stricter, "refused (invalid)"
	}
	if err != nil {
		return "", ""
	}
	t := c.here.Token
	t.Disabled, t.Stopped, t.ExpiredTime = false, false, token.Never
	if !there {
		t = lasting(t, c.now)
		t.UnlimitedQuota = true
		if q.Check(t, time.Unix(c.now, 0)) == nil {
			return looser, "allowed"
		}
		return "", ""
	}
	if c.answer(c.here) == valid {
		if v, err := c.here.Verify(q); err == nil && !v.Valid() {
			return stricter, "refused (" + string(v.Refusal) + ")"
		}
		return "", ""
	}
	if q.CheckIgnoringQuota(t, c.now) != nil {
		return stricter, "refused (not in its list)"
	}
	return "", ""
}

// models asks about each model in the lists of both systems, and for each pattern
// about a name that it matches and nothing longer in the lists does. These decide
// all others: what a pattern matches beside the longer entries is allowed or refused
// together.
func (c *comparison) models() {
	names, prefixes := slices.Clone(c.there.Models), append([]string{""}, c.there.Prefixes...)
	if c.here.ModelLimitsEnabled {
		for _, m := range c.here.Models {
			if prefix, isPattern := strings.CutSuffix(m, "*"); isPattern {
				prefixes = append(prefixes, prefix)
			} else {
				names = append(names, m)
			}
		}
	}
	entries := slices.Concat(names, prefixes)
	for _, m := range c.here.ModelQuotas {
		entries = append(entries, m.Model)
		c.add(stricter, "quota of model "+m.Model, "none", fmt.Sprint(m.Quota))
	}
	other := unusedLetter(entries)
	slices.Sort(names)
	for _, m := range slices.Compact(names) {
		if m != "" {
			c.ask("model "+m, c.there.AllowsModel(m), quota.Question{Model: m})
		}
	}
	slices.Sort(prefixes)
	for _, p := range slices.Compact(prefixes) {
		what := "models " + p + "*"
		if p == "" {
			what = "other models"
		}
		c.ask(what, c.there.AllowsModel(p+other), quota.Question{Model: p + other})
	}
}

// unusedLetter returns a letter that no text contains.
func unusedLetter(texts []string) string {
	all := strings.Join(texts, "")
	letter := 'a'
	for strings.ContainsRune(all, letter) || !unicode.IsLetter(letter) {
		letter++
	}
	return string(letter)
}

// rate compares a number of which 0 is no limit.
func (c *comparison) rate(what string, there, here int64) {
	text := func(n int64) string {
		if n == 0 {
			return "no limit"
		}
		return fmt.Sprint(n)
	}
	switch {
	case there == here:
	case here == 0 || there != 0 && here > there:
		c.add(looser, what, text(there), text(here))
	default:
		c.add(stricter, what, text(there), text(here))
	}
}
