package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

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
		c.at.Key = "**********"
		c.add(unclear, "key", orElse(row.There.Problem, problem), "")
		return c.all
	}
	answer := s.answer(here)
	if problem != "" {
		switch { // it was not imported, or before the row had the error
		case answer == valid:
			c.add(looser, "status", "not known ("+problem+")", valid)
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
	if !c.isUsedUp() {
		c.all = append(s.status(c.at, row.There, here), c.all...)
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
// answer, whatever their reasons.
func (s *shadow) status(at difference, there export.There, here gate.KnownKey) []difference {
	at.What, at.There, at.Here = "status", orElse(there.Refusal, valid), s.answer(here)
	switch {
	case at.There == valid && at.Here != valid:
		at.Kind = stricter
	case at.There != valid && at.Here == valid:
		at.Kind = looser
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
		c.left(what, c.there.Remaining, here.RemainAt(c.now)+held, here.UsedAt(c.now)+held-c.there.Used)
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
	here, reason := c.allows(q)
	switch {
	case there && !here:
		c.add(stricter, what, "allowed", "refused ("+reason+")")
	case !there && here:
		c.add(looser, what, "refused", "allowed")
	}
}

// allows reports whether Latchkey allows what a question asks. If it refuses the
// whole key, that is what it would allow if the key were valid.
func (c *comparison) allows(q quota.Question) (ok bool, reason string) {
	if c.answer(c.here) == valid {
		v, err := c.here.Verify(q)
		if err != nil {
			return false, "invalid"
		}
		return v.Valid(), string(v.Refusal)
	}
	t := c.here.Token
	t.Disabled, t.Stopped, t.ExpiredTime = false, false, token.Never
	err := q.CheckIgnoringQuota(t, c.now)
	return err == nil, "not in its list"
}

// models asks about each model in the lists of both systems, about one that begins
// as a pattern says, and about one that is in neither list.
func (c *comparison) models() {
	const other = "latchkey-shadow"
	names := slices.Clone(c.there.Models)
	prefixes := slices.Clone(c.there.Prefixes)
	if c.here.ModelLimitsEnabled {
		for _, m := range c.here.Models {
			if prefix, isPattern := strings.CutSuffix(m, "*"); isPattern {
				prefixes = append(prefixes, prefix)
			} else {
				names = append(names, m)
			}
		}
	}
	slices.Sort(names)
	for _, m := range slices.Compact(names) {
		c.ask("model "+m, c.there.AllowsModel(m), quota.Question{Model: m})
	}
	slices.Sort(prefixes)
	for _, p := range slices.Compact(prefixes) {
		c.ask("models "+p+"*", c.there.AllowsModel(p+other), quota.Question{Model: p + other})
	}
	c.ask("other models", c.there.AllowsModel(other), quota.Question{Model: other})
	for _, m := range c.here.ModelQuotas {
		c.add(stricter, "quota of model "+m.Model, "none", fmt.Sprint(m.Quota))
	}
}

// addresses asks about the first and the last address of each network in the lists
// of both systems, and about two that are probably in neither list.
func (c *comparison) addresses() {
	if c.there.AllAddresses && len(c.here.AllowIPs) == 0 {
		return
	}
	networks := slices.Clone(c.there.Networks)
	for _, entry := range c.here.AllowIPs {
		if network, err := netip.ParsePrefix(entry); err == nil {
			networks = append(networks, network)
		} else if addr, err := netip.ParseAddr(entry); err == nil {
			networks = append(networks, netip.PrefixFrom(addr, addr.BitLen()))
		}
	}
	var all []netip.Addr
	for _, n := range networks {
		all = append(all, n.Masked().Addr(), lastOf(n))
	}
	slices.SortFunc(all, netip.Addr.Compare)
	for _, addr := range slices.Compact(all) {
		c.ask("address "+addr.String(), c.there.AllowsAddress(addr), quota.Question{IP: addr})
	}
	for _, addr := range []string{"192.0.2.99", "2001:db8::99"} { // for documentation only
		ip := netip.MustParseAddr(addr)
		if !slices.Contains(all, ip) {
			c.ask("other addresses, such as "+addr, c.there.AllowsAddress(ip), quota.Question{IP: ip})
		}
	}
}

// lastOf returns the last address of a network.
func lastOf(network netip.Prefix) netip.Addr {
	const perByte = 8
	content := network.Masked().Addr().AsSlice()
	for bit := network.Bits(); bit < len(content)*perByte; bit++ {
		content[bit/perByte] |= 1 << (perByte - 1 - bit%perByte)
	}
	last, _ := netip.AddrFromSlice(content) // it is as long as an address
	return last
}

// windows compares budgets that renew.
func (c *comparison) windows() {
	known := map[string]bool{}
	for _, there := range c.there.Windows {
		known[there.Period] = true
		what := "quota of each " + there.Period
		i := slices.IndexFunc(c.here.Windows, func(w token.Window) bool { return w.Length == there.Period })
		if i < 0 {
			c.add(looser, what, fmt.Sprint(there.Quota), "none")
			continue
		}
		here := c.here.Windows[i]
		c.rate(what, there.Quota, here.Quota)
		if use := c.here.WindowUse(here, c.now); here.Quota == there.Quota && !c.RestartWindows {
			c.left(what+" that is left", there.Quota-there.Used, here.Quota-use.Used, use.Used-there.Used)
		}
	}
	for _, here := range c.here.Windows {
		if !known[here.Length] {
			c.add(stricter, "quota of each "+here.Length, "none", fmt.Sprint(here.Quota))
		}
	}
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
