package export

import (
	"math/big"
	"net/netip"
	"strings"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/period"
	"github.com/latchkey-api/latchkey/shared/token"
)

// There is what the other system answers about a key at Options.Now. It follows the
// rules of that system, and not those of the import, so that the two can be
// compared.
type There struct {
	Key       Key
	Plain     credential.Secret // the key itself, if the export has it
	Refusal   string            // why the key is refused; "" if it is valid
	Renews    bool              // the refusal ends when a budget renews
	Expires   int64             // Unix seconds, or token.Never
	Unlimited bool
	Remaining int64 // units
	Used      int64 // units
	Windows   []ThereWindow

	AllModels bool
	Models    []string // names that are compared literally
	Prefixes  []string // of the names that patterns match

	AllAddresses bool
	Networks     []netip.Prefix

	RequestsPerMinute, UnitsPerMinute, MaxConcurrent int64 // 0 is no limit

	Problem string // why it is not known; "" if it is
}

// A ThereWindow is a budget that renews.
type ThereWindow struct {
	Period      string // as Latchkey writes it
	Quota, Used int64  // units
}

// The refusals of other systems.
const (
	Deleted   = "deleted"
	Blocked   = "disabled"
	Expired   = "expired"
	Exhausted = "quota_exhausted"
)

// AllowsModel reports whether the key may use a model.
func (t There) AllowsModel(name string) bool {
	for _, prefix := range t.Prefixes {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	for _, literal := range t.Models {
		if name == literal {
			return true
		}
	}
	return t.AllModels
}

// AllowsAddress reports whether the key may be used from an address.
func (t There) AllowsAddress(addr netip.Addr) bool {
	addr = addr.Unmap()
	for _, network := range t.Networks {
		if network.Contains(addr) {
			return true
		}
	}
	return t.AllAddresses
}

// compare returns what the other system answers about a key.
func (d dialect) compare(f *fields) There {
	t := There{Expires: token.Never, AllModels: true, AllAddresses: true, Problem: "the rules of " + d.name + " are not known"}
	if d.there != nil {
		t.Problem, t.Used = "", d.used(f)
		d.there(f, &t)
	}
	if t.Problem == "" {
		t.Problem = f.problem
	}
	var problem string
	if t.Key, _, problem = d.key(f); problem != "" {
		t.Problem = problem
		return t
	}
	for _, column := range []string{"key", "plaintext", "value", "token"} {
		s, _ := asText(f.values[column])
		for _, plain := range credential.ForeignKeys(s) {
			if credential.ForeignKey(plain, 0, 0).Hash() == t.Key.Hash {
				t.Plain = plain
			}
		}
	}
	return t
}

// refuse sets the first reason for which a key is refused. One that lasts counts
// before one that does not.
func (t *There) refuse(reason string, is bool) {
	if is && (t.Refusal == "" || t.Renews) {
		t.Refusal, t.Renews = reason, false
	}
}

// newAPIThere follows New API and One API: a key with a status other than enabled
// is refused, also if its time and quota would allow its use.
func newAPIThere(f *fields, t *There) {
	status := or(f.integer("status"), f.zero("status", int64(token.Enabled)))
	_, gone := f.text("deletedat", "deleted_at")
	t.Expires = or(f.integer("expired_time"), f.zero("expired_time", token.Never))
	t.Unlimited = or(f.boolean("unlimited_quota"), false)
	t.Remaining = max(0, or(f.integer("remain_quota"), 0))
	owner, _ := f.ownerRefusal()
	t.refuse(Deleted, gone != "")
	t.refuse(owner, owner != "")
	t.refuse(Expired, status == int64(token.Expired))
	t.refuse(Exhausted, status == int64(token.Exhausted))
	t.refuse(Blocked, status != int64(token.Enabled))
	t.refuse(Expired, t.Expires != token.Never && t.Expires < f.options.Now)
	t.refuse(Exhausted, !t.Unlimited && t.Remaining == 0)
	column, _ := f.find("model_limits", "models")
	t.limitModels(f.asWritten(column, ","), or(f.boolean("model_limits_enabled"), column != ""), f.hasPatterns())
	t.limitModels(f.asWritten(hubModels+"models", ","), or(f.boolean(hubModels+"enabled"), false), false)
	// Each line of allow_ips is an entry, and a comma in it is dropped. Entries of
	// subnet are separated by commas, and are networks only.
	var lines []string
	for _, line := range f.asWritten("allow_ips", "\n") {
		lines = append(lines, strings.NewReplacer(" ", "", ",", "").Replace(line))
	}
	t.limitAddresses(lines, len(lines) > 0, true)
	subnets := f.asWritten("subnet", ",")
	t.limitAddresses(subnets, len(subnets) > 0, false)
	t.limitAddresses(f.asWritten(hubAddresses+"whitelist", "\n"), or(f.boolean(hubAddresses+"enabled"), false), true)
}

// limitModels restricts the key to models of New API, which compares names
// literally but for two kinds of patterns of its own.
func (t *There) limitModels(models []string, limited, patterns bool) {
	if !limited {
		return
	}
	t.AllModels = false
	for _, m := range models {
		if prefix, isPattern := strings.CutSuffix(m, "*"); isPattern && patterns && isNewAPIPattern(m) {
			t.Prefixes = append(t.Prefixes, prefix)
			continue
		}
		if !patterns || !isReplaced(m) {
			t.Models = append(t.Models, m)
		}
	}
}

// limitAddresses restricts the key to networks. An entry that is none, or is a
// single address where only networks count, allows nothing.
func (t *There) limitAddresses(entries []string, limited, single bool) {
	if !limited {
		return
	}
	t.AllAddresses = false
	for _, entry := range entries {
		entry = strings.TrimSpace(entry)
		if network, err := netip.ParsePrefix(entry); err == nil {
			t.Networks = append(t.Networks, unmapped(network))
		} else if addr, err := netip.ParseAddr(entry); err == nil && single {
			t.Networks = append(t.Networks, netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen()))
		}
	}
}

// unmapped returns a network of IPv4 if it is one of IPv4-mapped IPv6 addresses, as
// the library of New API and One API takes it.
func unmapped(network netip.Prefix) netip.Prefix {
	const mapped = 96 // the length of the prefix ::ffff:0:0/96
	if network.Addr().Is4In6() && network.Bits() >= mapped {
		network = netip.PrefixFrom(network.Addr().Unmap(), network.Bits()-mapped)
	}
	return network.Masked()
}

// liteLLMThere follows LiteLLM, which refuses a key as soon as its spend reaches
// its budget, and sets the spend to 0 at budget_reset_at.
func liteLLMThere(f *fields, t *There) {
	_, gone := f.text("deleted_at")
	t.refuse(Deleted, gone != "")
	t.refuse(Blocked, or(f.boolean("blocked"), false))
	t.Expires = or(f.time("expires"), token.Never)
	t.refuse(Expired, t.Expires != token.Never && t.Expires < f.options.Now)
	models := f.list("", "models")
	for _, m := range models {
		if m == "*" || m == "all-proxy-models" {
			models = nil
			break
		}
	}
	for _, m := range models {
		t.AllModels = false
		if prefix, isPattern := strings.CutSuffix(m, "*"); isPattern {
			t.Prefixes = append(t.Prefixes, prefix)
		} else {
			t.Models = append(t.Models, m)
		}
	}
	t.Unlimited = true
	for _, prefix := range []string{"", budgetTable} {
		t.addBudget(f, prefix)
	}
	t.RequestsPerMinute = or(f.lowest("rpm_limit"), 0)
	t.UnitsPerMinute = or(f.lowest("tpm_limit"), 0)
	t.MaxConcurrent = or(f.lowest("max_parallel_requests"), 0)
}

// addBudget adds a budget of LiteLLM.
func (t *There) addBudget(f *fields, prefix string) {
	budget, spend := f.dollars(prefix+"max_budget"), f.dollars("spend")
	if budget == nil {
		return
	}
	if spend == nil {
		spend = new(big.Rat)
	}
	_, duration := f.text(prefix + "budget_duration")
	if reset := f.time(prefix + "budget_reset_at"); duration != "" && (f.options.RestartWindows || reset != nil && *reset <= f.options.Now) {
		spend = new(big.Rat)
	}
	isSpent := spend.Cmp(budget) >= 0
	if quota := f.units(prefix+"max_budget", budget); duration != "" && quota > 0 {
		if isSpent && t.Refusal == "" {
			t.Refusal, t.Renews = Exhausted, true
		}
		t.addWindow(f, prefix+"budget_duration", duration, ThereWindow{Quota: quota, Used: f.units("spend", spend)})
		return
	}
	t.refuse(Exhausted, isSpent)
	left := max(0, f.units(prefix+"max_budget", new(big.Rat).Sub(budget, spend)))
	if t.Unlimited || left < t.Remaining {
		t.Unlimited, t.Remaining = false, left
	}
}

// addWindow adds a budget that renews. Of two with the same period the smaller counts.
func (t *There) addWindow(f *fields, column, duration string, w ThereWindow) {
	length, ok := periodOf(duration)
	p, err := period.Period{Length: length}.Normalize()
	if !ok || err != nil {
		f.wrong(column, "must be a length such as 30d, 24h, 1mo or monthly")
	}
	w.Period = p.Length
	for i, other := range t.Windows {
		if other.Period == w.Period {
			t.Windows[i].Quota = min(other.Quota, w.Quota)
			return
		}
	}
	t.Windows = append(t.Windows, w)
}

// unkeyThere follows Unkey, where a verification costs one credit.
func unkeyThere(f *fields, t *There) {
	_, gone := f.text("deletedat")
	t.refuse(Deleted, gone != "")
	t.refuse(Blocked, !or(f.boolean("enabled"), true))
	if ms := f.integer("expires"); ms != nil {
		const perSecond = 1000
		t.Expires = *ms / perSecond
		t.refuse(Expired, *ms < perSecond*f.options.Now)
	}
	left := f.integer("remaining", "credits.remaining")
	t.Unlimited, t.Remaining = left == nil, max(0, or(left, 0))
	t.refuse(Exhausted, !t.Unlimited && t.Remaining == 0)
	t.RequestsPerMinute = or(f.ratelimits(), 0)
}

// apiGatewayThere follows API Gateway. What its usage plans refuse is not in the
// export.
func apiGatewayThere(f *fields, t *There) {
	t.refuse(Blocked, !or(f.boolean("enabled"), true))
	t.Unlimited = true
}
