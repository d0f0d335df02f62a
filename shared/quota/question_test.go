package quota_test

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

const now = 1_800_000_000

// refusalOf returns the refusal of a RefusedError, and "" for nil.
func refusalOf(t *testing.T, err error) quota.Refusal {
	t.Helper()
	var refused quota.RefusedError
	if err != nil && !errors.As(err, &refused) {
		t.Errorf("got error %v, want a RefusedError", err)
	}
	return refused.Refusal
}

// TestCheckOrder checks which refusal is given if several apply.
func TestCheckOrder(t *testing.T) {
	type fix func(*token.Token, *quota.Question)
	// The token breaks every rule. Each step fixes the rule that was reported.
	everything := token.Token{
		Stopped: true, Disabled: true, ExpiredTime: now, RemainQuota: 0,
		ModelLimitsEnabled: true, Models: []string{"m1"}, AllowIPs: []string{"10.0.0.0/8"},
	}
	question := quota.Question{Model: "m2", IP: netip.MustParseAddr("192.0.2.1"), Quota: 5}
	for _, step := range []struct {
		want quota.Refusal
		fix  fix
	}{
		{quota.RefusedDisabled, func(t *token.Token, _ *quota.Question) { t.Stopped = false }},
		{quota.RefusedDisabled, func(t *token.Token, _ *quota.Question) { t.Disabled = false }},
		{quota.RefusedExpired, func(t *token.Token, _ *quota.Question) { t.ExpiredTime = now + 1 }},
		{quota.RefusedExhausted, func(t *token.Token, _ *quota.Question) { t.RemainQuota = 5 }},
		{quota.RefusedModel, func(_ *token.Token, q *quota.Question) { q.Model = "m1" }},
		{quota.RefusedIP, func(_ *token.Token, q *quota.Question) { q.IP = netip.MustParseAddr("10.1.2.3") }},
		{"", func(*token.Token, *quota.Question) {}},
	} {
		if got := refusalOf(t, question.Check(everything, time.Unix(now, 0))); got != step.want {
			t.Errorf("got %q, want %q", got, step.want)
		}
		step.fix(&everything, &question)
	}
}

// TestCheck checks each rule of a token at its boundaries.
func TestCheck(t *testing.T) {
	usable := token.Token{ExpiredTime: token.Never, RemainQuota: 10}
	with := func(change func(*token.Token)) token.Token {
		t := usable
		change(&t)
		return t
	}
	hold := func(until int64) token.Token {
		return with(func(t *token.Token) {
			t.RemainQuota, t.Holds = 0, []token.Hold{{Quota: 7, Debited: 7, ExpiresAt: until}}
		})
	}
	lease := with(func(t *token.Token) {
		t.RemainQuota, t.Holds = 0, []token.Hold{{Quota: 7, Debited: 7, ExpiresAt: now, ExpiryCharge: 7}}
	})
	limits := func(models ...string) token.Token {
		return with(func(t *token.Token) { t.ModelLimitsEnabled, t.Models = true, models })
	}
	from := func(entries ...string) token.Token { return with(func(t *token.Token) { t.AllowIPs = entries }) }
	ask := func(units int64) quota.Question { return quota.Question{Quota: units} }
	model := func(name string) quota.Question { return quota.Question{Model: name} }
	ip := func(s string) quota.Question { return quota.Question{IP: netip.MustParseAddr(s)} }
	for name, row := range map[string]struct {
		is   token.Token
		asks quota.Question
		want quota.Refusal
	}{
		"all of it":                              {usable, ask(10), ""},
		"one more":                               {usable, ask(11), quota.RefusedExhausted},
		"nothing, of a unit":                     {with(func(t *token.Token) { t.RemainQuota = 1 }), ask(0), ""},
		"nothing, of nothing":                    {with(func(t *token.Token) { t.RemainQuota = 0 }), ask(0), quota.RefusedExhausted},
		"everything, without limit":              {with(func(t *token.Token) { t.RemainQuota, t.UnlimitedQuota = 0, true }), ask(token.MaxInteger), ""},
		"the last second":                        {with(func(t *token.Token) { t.ExpiredTime = now + 1 }), ask(1), ""},
		"the second of its expiry":               {with(func(t *token.Token) { t.ExpiredTime = now }), ask(1), quota.RefusedExpired},
		"held for another second":                {hold(now + 1), ask(1), quota.RefusedExhausted},
		"held until this second":                 {hold(now), ask(7), ""},
		"more than was held":                     {hold(now), ask(8), quota.RefusedExhausted},
		"leased until this second, and so spent": {lease, ask(1), quota.RefusedExhausted},
		"a model of its":                         {limits("m1", "m2"), model("m2"), ""},
		"another model":                          {limits("m1", "m2"), model("m"), quota.RefusedModel},
		"a model of a pattern":                   {limits("m1", "gpt-5*"), model("gpt-5-mini"), ""},
		"a model before a pattern":               {limits("m1", "gpt-5*"), model("gpt-"), quota.RefusedModel},
		"any model":                              {limits("*"), model("m3"), ""},
		"a star that is asked about":             {limits("gpt-5*"), model("*"), quota.RefusedModel},
		"no model is asked about":                {limits("m1"), ask(1), ""},
		"limits that are off":                    {with(func(t *token.Token) { t.Models = []string{"m1"} }), model("m3"), ""},
		"limits without a model":                 {limits(), model("m1"), quota.RefusedModel},
		"the address":                            {from("10.0.0.1"), ip("10.0.0.1"), ""},
		"the address as a prefix":                {from("10.0.0.1/32"), ip("10.0.0.1"), ""},
		"the address beside":                     {from("10.0.0.1"), ip("10.0.0.2"), quota.RefusedIP},
		"the last of a network":                  {from("192.0.2.0/24", "10.0.0.0/9"), ip("10.127.255.255"), ""},
		"the first after a network":              {from("10.0.0.0/9"), ip("10.128.0.0"), quota.RefusedIP},
		"any IPv4":                               {from("0.0.0.0/0"), ip("203.0.113.7"), ""},
		"an IPv6 where any IPv4 is allowed":      {from("0.0.0.0/0"), ip("2001:db8::1"), quota.RefusedIP},
		"IPv4 in IPv6 is IPv4":                   {from("10.0.0.0/8"), ip("::ffff:10.1.2.3"), ""},
		"IPv4 in IPv6 is no IPv6":                {from("::/0"), ip("::ffff:10.1.2.3"), quota.RefusedIP},
		"an IPv6 of a network":                   {from("2001:db8::/33"), ip("2001:db8:7fff::1"), ""},
		"an IPv6 beside it":                      {from("2001:db8::/33"), ip("2001:db8:8000::1"), quota.RefusedIP},
		"any IPv6":                               {from("::/0"), ip("2001:db8::1"), ""},
		"no address is asked about":              {from("10.0.0.0/8"), ask(1), ""},
	} {
		if got := refusalOf(t, row.asks.Check(row.is, time.Unix(now, 0))); got != row.want {
			t.Errorf("%s: got %q, want %q", name, got, row.want)
		}
	}
}

// drawAddr draws an address from a small range, so that prefixes often match.
func drawAddr(rt *rapid.T) netip.Addr {
	switch last := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(rt, "address"); rapid.IntRange(0, 2).Draw(rt, "family") {
	case 0:
		return netip.AddrFrom4([4]byte{10, last[13] & 3, last[14], last[15]})
	case 1:
		return netip.AddrFrom16(netip.AddrFrom4([4]byte(last[12:])).As16()) // IPv4 in IPv6
	default:
		copy(last, []byte{0x20, 0x01, 0x0d, 0xb8, last[4] & 3})
		return netip.AddrFrom16([16]byte(last))
	}
}

// TestNetworks checks that Networks returns the address and every prefix that
// contains it, and nothing else.
func TestNetworks(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		addr, other := drawAddr(rt), drawAddr(rt)
		if rapid.Bool().Draw(rt, "itself") {
			other = addr
		}
		other = other.Unmap()
		prefix := netip.PrefixFrom(other, rapid.IntRange(0, other.BitLen()).Draw(rt, "bits")).Masked()
		all := quota.Networks(addr)
		if got, want := slices.Contains(all, prefix.String()), prefix.Contains(addr.Unmap()); got != want {
			rt.Fatalf("%s in %s: got %v, want %v", addr, prefix, got, want)
		}
		if got, want := slices.Contains(all, other.String()), other == addr.Unmap(); got != want {
			rt.Fatalf("%s as %s: got %v, want %v", addr, other, got, want)
		}
		if got, want := len(all), addr.Unmap().BitLen()+2; got != want {
			rt.Fatalf("%s: got %d networks, want %d", addr, got, want)
		}
	})
}

// TestAllowIPs checks that an entry of allow_ips, in any notation, allows
// exactly the addresses of its network.
func TestAllowIPs(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		addr, entry := drawAddr(rt), drawAddr(rt)
		prefix := netip.PrefixFrom(entry, rapid.IntRange(0, entry.BitLen()).Draw(rt, "bits"))
		u, err := token.Settings{AllowIPs: []string{prefix.String()}}.Normalize()
		if err != nil {
			rt.Fatalf("%s: got error %v, want it accepted, whatever its host bits", prefix, err)
		}
		tok := token.Token{ExpiredTime: token.Never, UnlimitedQuota: true, AllowIPs: u.AllowIPs}
		const mapped = 96
		if prefix.Addr().Is4In6() {
			if prefix.Bits() < mapped {
				return // it is an IPv6 network, and IPv4 is none
			}
			prefix = netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-mapped)
		}
		got := (quota.Question{IP: addr}).Check(tok, time.Unix(now, 0)) == nil
		if want := prefix.Contains(addr.Unmap()); got != want {
			rt.Fatalf("%s, where %v may: got %v, want %v", addr, tok.AllowIPs, got, want)
		}
	})
}

// TestQuestionNormalize checks which questions are accepted and that
// addresses become canonical.
func TestQuestionNormalize(t *testing.T) {
	good := quota.Question{Model: " m1 ", IP: netip.MustParseAddr("::ffff:10.0.0.1"), Quota: token.MaxInteger, RequestID: strings.Repeat("-", quota.MaxRequestIDLength)}
	got, err := good.Normalize()
	if want := (quota.Question{Model: " m1 ", IP: netip.MustParseAddr("10.0.0.1"), Quota: token.MaxInteger, RequestID: good.RequestID}); err != nil || got != want {
		t.Errorf("got %+v (%v), want %+v", got, err, want)
	}
	for field, bad := range map[string][]quota.Question{
		"quota": {{Quota: -1}, {Quota: token.MaxInteger + 1}},
		"request_id": {
			{RequestID: "a"},
			{RequestID: strings.Repeat("a", quota.MinRequestIDLength-1)},
			{RequestID: strings.Repeat("a", quota.MaxRequestIDLength+1)},
			{RequestID: strings.Repeat("é", quota.MinRequestIDLength)},
			{RequestID: strings.Repeat("a", quota.MinRequestIDLength) + "."},
			{RequestID: " " + strings.Repeat("a", quota.MinRequestIDLength)},
			{RequestID: strings.Repeat("a", quota.MinRequestIDLength) + "\xff"},
		},
		"model": {{Model: " "}, {Model: strings.Repeat("m", token.MaxModelNameLength+1)}, {Model: "a\u202eb"}},
	} {
		for _, q := range bad {
			var invalid *token.InvalidError
			if _, err := q.Normalize(); !errors.As(err, &invalid) || invalid.Field != field {
				t.Errorf("%+v: got %v, want an InvalidError of %s", q, err, field)
			}
		}
	}
}

// TestParseIP checks that a single address is accepted in any notation, and
// nothing else.
func TestParseIP(t *testing.T) {
	for s, want := range map[string]string{"10.0.0.1": "10.0.0.1", " 10.0.0.1 ": "10.0.0.1", "::ffff:10.0.0.1": "10.0.0.1", "2001:DB8::1": "2001:db8::1"} {
		if got, err := quota.ParseIP(s); err != nil || got.String() != want {
			t.Errorf("%q: got %v (%v), want %s", s, got, err, want)
		}
	}
	for _, s := range []string{"", "10.0.0.0/8", "10.0.0.1:80", "fe80::1%eth0", "localhost", "010.0.0.1", "10.0.0.1, 10.0.0.2"} {
		var invalid *token.InvalidError
		if got, err := quota.ParseIP(s); !errors.As(err, &invalid) {
			t.Errorf("%q: got %v (%v), want an InvalidError", s, got, err)
		}
	}
}
