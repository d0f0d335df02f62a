package main

import (
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/latchkey-api/latchkey/cmd/tokenctl/export"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/period"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

const shadowNow = 1_800_000_000

// compared returns a comparison of a key that is valid in both systems.
func compared(t rapid.TB, there export.There, s token.Settings) *comparison {
	t.Helper()
	s.Name, s.UnlimitedQuota = new("n"), new(true)
	here, err := token.New(s, 1, shadowNow)
	if err != nil {
		t.Fatal(err)
	}
	here.ID = 1
	return &comparison{shadow: &shadow{shadowCmd: &shadowCmd{}, now: shadowNow}, there: there, here: gate.KnownKey{Ledger: quota.Ledger{Token: here}}}
}

// kinds returns the kinds of the differences that were found, each once.
func (c *comparison) kinds() []string {
	var kinds []string
	for _, d := range c.all {
		kinds = append(kinds, d.Kind)
	}
	slices.Sort(kinds)
	return slices.Compact(kinds)
}

// TestAddressesExactly checks that two lists of networks differ in the comparison if
// and only if they differ for an address.
func TestAddressesExactly(t *testing.T) {
	t.Parallel()
	spaces := []struct {
		base         string
		bits, extent int
	}{{"10.0.0.0", 26, 32}, {"255.255.255.192", 26, 32}, {"0.0.0.0", 26, 32}, {"2001:db8::", 122, 128}, {"::fffe:ffff:ffc0", 122, 128}, {"::1:0:0:0", 122, 128}}
	rapid.Check(t, func(t *rapid.T) {
		space := rapid.SampledFrom(spaces).Draw(t, "space")
		all := addressesOf(netip.PrefixFrom(netip.MustParseAddr(space.base), space.bits))
		network := rapid.Custom(func(t *rapid.T) string {
			return netip.PrefixFrom(rapid.SampledFrom(all).Draw(t, "address"), rapid.IntRange(space.bits, space.extent).Draw(t, "bits")).Masked().String()
		})
		lists := [2][]string{
			rapid.SliceOfN(network, 1, 4).Draw(t, "there"),
			rapid.SliceOfN(network, 1, 4).Draw(t, "here"),
		}
		there := export.There{AllModels: true}
		for _, n := range lists[0] {
			there.Networks = append(there.Networks, netip.MustParsePrefix(n))
		}
		c := compared(t, there, token.Settings{AllowIPs: lists[1]})
		var want []string
		for _, addr := range all {
			kind, _ := c.differs(there.AllowsAddress(addr), quota.Question{IP: addr})
			if kind != "" && !slices.Contains(want, kind) {
				want = append(want, kind)
			}
		}
		slices.Sort(want)
		c.addresses()
		if got := c.kinds(); !slices.Equal(got, want) {
			t.Errorf("got %v, want %v for %v there and %v here", c.all, want, lists[0], lists[1])
		}
	})
}

// addressesOf returns all addresses of a small network.
func addressesOf(network netip.Prefix) []netip.Addr {
	var all []netip.Addr
	for addr := network.Addr(); addr.IsValid() && network.Contains(addr); addr = addr.Next() {
		all = append(all, addr)
	}
	return all
}

// TestAddressRanges checks that addresses between the ends of networks are compared,
// and that IPv4-mapped addresses are those of IPv4.
func TestAddressRanges(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		there, here []string
		want        string
	}{
		{[]string{"10.0.0.0/32", "10.0.0.255/32"}, []string{"10.0.0.0/24"}, "looser addresses 10.0.0.1 to 10.0.0.254;"},
		{[]string{"10.0.0.0/24"}, []string{"10.0.0.0", "10.0.0.255"}, "stricter addresses 10.0.0.1 to 10.0.0.254;"},
		{[]string{"10.0.0.0/25", "10.0.0.128/25"}, []string{"10.0.0.0/24"}, ""},
		{[]string{"10.0.0.0/24"}, []string{"::ffff:10.0.0.0/120"}, ""},
		{[]string{"0.0.0.0/0"}, []string{"0.0.0.0/0", "::/0"}, "looser addresses :: to ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff;"},
		{[]string{"::/0"}, []string{"::/80", "::1:0:0:0/80"}, "stricter addresses ::2:0:0:0 to ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff;"},
		{[]string{"::/80"}, []string{"::/79"}, "looser addresses ::1:0:0:0 to ::1:ffff:ffff:ffff;"},
		{[]string{"10.0.0.7/32"}, nil, "looser addresses 0.0.0.0 to 10.0.0.6;looser addresses 10.0.0.8 to 255.255.255.255;looser addresses :: to ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff;"},
		{[]string{"255.255.255.255/32"}, []string{"255.255.255.254/31"}, "looser address 255.255.255.254;"},
	} {
		there := export.There{}
		for _, n := range row.there {
			there.Networks = append(there.Networks, netip.MustParsePrefix(n))
		}
		c := compared(t, there, token.Settings{AllowIPs: row.here})
		c.addresses()
		got := ""
		for _, d := range c.all {
			got += d.Kind + " " + d.What + ";"
		}
		if got != row.want {
			t.Errorf("%v there and %v here: got %q, want %q", row.there, row.here, got, row.want)
		}
	}
}

// TestModelsExactly checks that two lists of models differ in the comparison if and
// only if they differ for a name.
func TestModelsExactly(t *testing.T) {
	t.Parallel()
	all := []string{""}
	for first := 0; len(all[len(all)-1]) < 5; first++ {
		for _, letter := range "agz" {
			all = append(all, all[first]+string(letter))
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringOfN(rapid.SampledFrom([]rune("ag")), 0, 3, -1)
		there := export.There{Models: rapid.SliceOfN(name, 0, 3).Draw(t, "names there"), Prefixes: rapid.SliceOfN(name, 0, 2).Draw(t, "prefixes there")}
		var models []string
		for _, n := range rapid.SliceOfN(name, 1, 3).Draw(t, "names here") {
			models = append(models, n+rapid.SampledFrom([]string{"*", ""}).Draw(t, "pattern"))
		}
		models = slices.DeleteFunc(models, func(m string) bool { return m == "" })
		limited := len(models) > 0
		c := compared(t, there, token.Settings{Models: models, ModelLimitsEnabled: &limited})
		var want []string
		for _, m := range all[1:] {
			kind, _ := c.differs(there.AllowsModel(m), quota.Question{Model: m})
			if kind != "" && !slices.Contains(want, kind) {
				want = append(want, kind)
			}
		}
		slices.Sort(want)
		c.models()
		if got := c.kinds(); !slices.Equal(got, want) {
			t.Errorf("got %v, want %v for %v there and %v here", c.all, want, there, models)
		}
	})
}

// TestModelsThatLookLikeTheQuestion checks that no list can name the models that the
// comparison asks about, and that patterns of the greatest length are compared.
func TestModelsThatLookLikeTheQuestion(t *testing.T) {
	t.Parallel()
	long := string(slices.Repeat([]byte("x"), token.MaxModelNameLength-1))
	for _, row := range []struct{ there, here string }{
		{"latchkey-shadow", "*"}, {"a", "*"}, {"gpt-4latchkey-shadow", "gpt-4*"}, {"gpt-4a", "gpt-4*"}, {long, long + "*"},
	} {
		c := compared(t, export.There{Models: []string{row.there}}, token.Settings{Models: []string{row.here}, ModelLimitsEnabled: new(true)})
		if c.models(); !slices.Equal(c.kinds(), []string{looser}) {
			t.Errorf("%s there and %s here: got %v", row.there, row.here, c.all)
		}
	}
}

// TestTemporaryRefusal checks that a key that the other system refuses for good, and
// that becomes valid here without anybody's doing, is a difference.
func TestTemporaryRefusal(t *testing.T) {
	t.Parallel()
	held := []token.Hold{{Quota: 10, Debited: 10, ExpiresAt: shadowNow + 60, Meters: []int64{1}}}
	usedUp := token.Meter{Number: 1, EndsAt: shadowNow + 60}
	for name, row := range map[string]struct {
		here   func(*token.Token)
		renews bool // the refusal there
		want   bool
	}{
		"used up":                            {here: func(*token.Token) {}},
		"held":                               {here: func(u *token.Token) { u.Holds = held }, want: true},
		"held, and renews there":             {here: func(u *token.Token) { u.Holds = held }, renews: true, want: true},
		"held and disabled":                  {here: func(u *token.Token) { u.Holds, u.Disabled = held, true }},
		"held and stopped":                   {here: func(u *token.Token) { u.Holds, u.Stopped = held, true }},
		"held and expired":                   {here: func(u *token.Token) { u.Holds, u.ExpiredTime = held, shadowNow }},
		"wallet":                             {here: func(u *token.Token) { u.UnlimitedQuota, u.UsesWallet = true, true }, want: true},
		"window":                             {here: func(u *token.Token) { u.UnlimitedQuota, u.Windows = true, []token.Window{{Quota: 10, Meter: usedUp}} }, want: true},
		"window, and renews there":           {here: func(u *token.Token) { u.UnlimitedQuota, u.Windows = true, []token.Window{{Quota: 10, Meter: usedUp}} }, renews: true},
		"wallet, and renews there":           {here: func(u *token.Token) { u.UnlimitedQuota, u.UsesWallet = true, true }, renews: true, want: true},
		"a raise that ended, and some held":  {here: func(u *token.Token) { u.Holds, u.Raise = held, token.Raise{Units: 20, Until: shadowNow} }},
		"a raise that lasts, with some held": {here: func(u *token.Token) { u.Holds, u.Raise = held, token.Raise{Units: 20, Until: shadowNow + 9} }, want: true},
	} {
		c := compared(t, export.There{Refusal: export.Exhausted, Renews: row.renews}, token.Settings{})
		c.here.UnlimitedQuota = false
		row.here(&c.here.Token)
		got := c.status(c.at, c.there, c.here)
		if isLooser := len(got) > 0 && got[0].Kind == looser; isLooser != row.want {
			t.Errorf("%s: got %v, want a difference: %t", name, got, row.want)
		}
	}
	c := compared(t, export.There{}, token.Settings{Models: []string{"a"}, ModelLimitsEnabled: new(true)})
	c.here.ModelQuotas = []token.ModelQuota{{Model: "a", Quota: 10, Meter: token.Meter{Number: 1}}}
	if c.models(); len(c.kinds()) != 1 {
		t.Errorf("a model quota that is used up: got %v", c.all)
	}
	c.here.Holds, c.all = held, nil
	if c.models(); !slices.Contains(c.kinds(), looser) {
		t.Errorf("a model quota that is held: got %v", c.all)
	}
}

// TestWindows checks that a window that renews when the other system's does not is a
// difference, and that of several the one that the import sets is compared.
func TestWindows(t *testing.T) {
	t.Parallel()
	normal := func(p period.Period) token.Window {
		p, err := p.Normalize()
		if err != nil {
			t.Fatal(err)
		}
		return token.Window{Period: p, Quota: 1000}
	}
	month := normal(period.Period{Length: period.Month})
	tokyo := normal(period.Period{Length: period.Month, Timezone: "Asia/Tokyo", Anchor: period.Anchor{Day: 15}})
	day := normal(period.Period{Length: "1d"})
	for name, row := range map[string]struct {
		here []token.Window
		want string
	}{
		"as imported":        {[]token.Window{month}, ""},
		"elsewhere":          {[]token.Window{tokyo}, "looser begin of each month: month, UTC there, month, Asia/Tokyo, from day 15 here;"},
		"both":               {[]token.Window{tokyo, month}, "stricter quota of each month: none there, 1000 here;"},
		"another length":     {[]token.Window{day}, "looser quota of each month: 1000 there, none here;stricter quota of each 1d: none there, 1000 here;"},
		"another, and lower": {[]token.Window{month, {Period: day.Period, Quota: 5}}, "stricter quota of each 1d: none there, 5 here;"},
	} {
		c := compared(t, export.There{Windows: []export.ThereWindow{{Period: period.Month, Quota: 1000}}}, token.Settings{})
		c.here.Windows = row.here
		c.windows()
		got := ""
		for _, d := range c.all {
			got += d.Kind + " " + d.What + ": " + d.There + " there, " + d.Here + " here;"
		}
		if got != row.want {
			t.Errorf("%s: got %q, want %q", name, got, row.want)
		}
	}
}
