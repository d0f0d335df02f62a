package token_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/latchkey-api/latchkey/shared/period"
	"github.com/latchkey-api/latchkey/shared/token"
)

const policyNow = 1_800_000_000

func windowOf(length string, quota int64) token.Window {
	return token.Window{Period: period.Period{Length: length}, Quota: quota}
}

// strict has every rule.
func strict(t testing.TB) token.Policy {
	t.Helper()
	p, err := token.Policy{
		RequireLimit: true, MaxLifetimeSeconds: 30 * 86_400,
		DefaultWindows: []token.Window{windowOf("day", 50), windowOf("5h", 10)}, MaxWindows: []token.Window{windowOf("day", 100)},
		DefaultRates: token.Rates{RequestsPerMinute: 60, MaxConcurrent: 5}, AllowedModels: []string{"gpt-5*", "claude-opus-4"},
	}.Normalize()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// wantRefusal checks that an error is a PolicyError with this text, or nil if the
// text is empty.
func wantRefusal(t *testing.T, err error, want string) {
	t.Helper()
	var refused *token.PolicyError
	switch {
	case want == "" && err != nil:
		t.Errorf("got %v, want no error", err)
	case want != "" && (!errors.As(err, &refused) || !strings.Contains(err.Error(), want)):
		t.Errorf("got %v\nwant a PolicyError with %q", err, want)
	}
}

// A new token gets what its settings leave out, and nothing else.
func TestPolicyDefaults(t *testing.T) {
	got, err := strict(t).NewToken(token.Settings{Name: new("app"), RequestsPerMinute: new(int64(0))}, 1, policyNow)
	if err != nil {
		t.Fatal(err)
	}
	want, err := token.New(token.Settings{
		Name: new("app"), ExpiredTime: new(int64(policyNow + 30*86_400)), Windows: []token.Window{windowOf("day", 50), windowOf("5h", 10)},
		ModelLimitsEnabled: new(true), Models: []string{"gpt-5*", "claude-opus-4"}, MaxConcurrent: new(int64(5)),
	}, 1, policyNow)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	named := token.Settings{
		Name: new("app"), ExpiredTime: new(int64(policyNow + 1)), Windows: []token.Window{windowOf("day", 7)},
		Models: []string{"gpt-5-mini"}, RequestsPerMinute: new(int64(1)), UnitsPerMinute: new(int64(2)), MaxConcurrent: new(int64(3)),
	}
	if got, err = strict(t).NewToken(named, 1, policyNow); err != nil {
		t.Fatal(err)
	}
	named.ModelLimitsEnabled = new(true)
	if want, err = token.New(named, 1, policyNow); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("with settings of its own: -want +got:\n%s", diff)
	}
	limited := token.Settings{Name: new("app"), ModelLimitsEnabled: new(true)}
	if got, err = strict(t).NewToken(limited, 1, policyNow); err != nil || !slices.Equal(got.Models, strict(t).AllowedModels) {
		t.Errorf("limited without models: got %v, %v, want the allowed models", got.Models, err)
	}
	limited.Models = []string{}
	if got, err = strict(t).NewToken(limited, 1, policyNow); err == nil {
		t.Errorf("limited to an empty list: got %v, want an error", got.Models)
	}
	windowed := token.Policy{MaxWindows: strict(t).MaxWindows}
	if got, err = windowed.NewToken(token.Settings{Name: new("app")}, 1, policyNow); err != nil || len(got.Windows) != 1 || got.Windows[0].Quota != 100 {
		t.Errorf("without default windows: got %v, %v, want the max windows", got.Windows, err)
	}
}

// The zero policy changes and refuses nothing.
func TestZeroPolicy(t *testing.T) {
	s := token.Settings{Name: new("app"), UnlimitedQuota: new(true)}
	if diff := cmp.Diff(s, token.Policy{}.Defaults(s, policyNow)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if _, err := (token.Policy{}).NewToken(s, 1, policyNow); err != nil {
		t.Error(err)
	}
	if !(token.Policy{}).IsZero() || strict(t).IsZero() {
		t.Error("IsZero is wrong")
	}
}

const day30 = "max_lifetime 30d; send a Unix time in seconds up to 1802592000"

// A create is refused by the rule that its settings break.
func TestPolicyOnCreate(t *testing.T) {
	for name, row := range map[string]struct {
		settings token.Settings
		refused  string
	}{
		"nothing named":    {token.Settings{}, ""},
		"last second":      {token.Settings{ExpiredTime: new(int64(policyNow + 30*86_400))}, ""},
		"a second late":    {token.Settings{ExpiredTime: new(int64(policyNow + 30*86_400 + 1))}, "expired_time: the operator's policy for this user is " + day30},
		"never":            {token.Settings{ExpiredTime: new(int64(token.Never))}, day30},
		"unlimited":        {token.Settings{UnlimitedQuota: new(true)}, ""}, // it gets windows
		"no windows":       {token.Settings{Windows: []token.Window{}}, `windows: the operator's policy for this user is max_windows day=100; send windows with {"period":"day","quota":100}, or with a smaller quota`},
		"a larger window":  {token.Settings{Windows: []token.Window{windowOf("day", 101)}}, "max_windows day=100"},
		"another zone":     {token.Settings{Windows: []token.Window{{Period: period.Period{Length: "day", Timezone: "Europe/Berlin"}, Quota: 1}}}, "max_windows day=100"},
		"more windows":     {token.Settings{Windows: []token.Window{windowOf("month", 10_000), windowOf("day", 100)}}, ""},
		"limits off":       {token.Settings{ModelLimitsEnabled: new(false)}, "model_limits_enabled: the operator's policy for this user is allowed_models gpt-5*, claude-opus-4; send model_limits_enabled true"},
		"off with models":  {token.Settings{ModelLimitsEnabled: new(false), Models: []string{"gpt-5"}}, "model_limits_enabled: the operator"},
		"no models":        {token.Settings{Models: []string{}}, "model_limits_enabled: the operator"},
		"a name":           {token.Settings{Models: []string{"gpt-5-mini", "claude-opus-4"}}, ""},
		"narrower pattern": {token.Settings{Models: []string{"gpt-5-*"}}, ""},
		"wider pattern":    {token.Settings{Models: []string{"gpt-5", "gpt-*"}}, `without "gpt-*"`},
		"pattern of name":  {token.Settings{Models: []string{"claude-opus-4*"}}, `without "claude-opus-4*"`},
		"any":              {token.Settings{Models: []string{"*"}}, `without "*"`},
		"another name":     {token.Settings{Models: []string{"gpt-4"}}, `without "gpt-4"`},
	} {
		t.Run(name, func(t *testing.T) {
			row.settings.Name = new("app")
			_, err := strict(t).NewToken(row.settings, 1, policyNow)
			wantRefusal(t, err, row.refused)
		})
	}
	_, err := token.Policy{RequireLimit: true}.NewToken(token.Settings{Name: new("app"), UnlimitedQuota: new(true)}, 1, policyNow)
	wantRefusal(t, err, "unlimited_quota: the operator's policy for this user is require_limit; send unlimited_quota false, or windows")
}

// A change is refused by the rules that it touches, however little of a token it
// changes; a token older than the policy can be changed otherwise.
func TestPolicyOnUpdate(t *testing.T) {
	old := token.Token{UnlimitedQuota: true, ExpiredTime: token.Never}
	kept, err := strict(t).NewToken(token.Settings{Name: new("app"), Models: []string{"gpt-5"}}, 1, policyNow)
	if err != nil {
		t.Fatal(err)
	}
	limited := token.Policy{RequireLimit: true}
	windowed := token.Token{UnlimitedQuota: true, Windows: []token.Window{windowOf("week", 1)}}
	expired := token.Token{ExpiredTime: policyNow - 1}
	raise := func(units int64, length *token.WindowName) token.Change {
		return token.Change{Raise: &token.RaiseChange{Raise: token.Raise{Units: units, Until: policyNow + 60}, Window: length}}
	}
	settings := func(s token.Settings) token.Change { return token.Change{Settings: s} }
	for name, row := range map[string]struct {
		policy  token.Policy
		token   token.Token
		change  token.Change
		refused string
	}{
		"old, name":             {strict(t), old, settings(token.Settings{Name: new("b")}), ""},
		"old, status":           {strict(t), old, settings(token.Settings{Disabled: new(false)}), ""},
		"old, quota":            {strict(t), old, settings(token.Settings{RemainQuota: new(int64(1)), AllowIPs: []string{}}), ""},
		"old, rates":            {strict(t), old, settings(token.Settings{RequestsPerMinute: new(int64(0))}), ""},
		"old, expiry":           {strict(t), old, settings(token.Settings{ExpiredTime: new(int64(policyNow + 1))}), ""},
		"expiring, never":       {strict(t), kept, settings(token.Settings{ExpiredTime: new(int64(token.Never))}), day30},
		"old, later":            {strict(t), expired, settings(token.Settings{ExpiredTime: new(int64(policyNow + 40*86_400))}), day30},
		"old, all as it is":     {strict(t), old, settings(token.Settings{Name: new("b"), UnlimitedQuota: new(true), ExpiredTime: new(int64(token.Never)), ModelLimitsEnabled: new(false), Models: []string{}, Windows: []token.Window{}}), ""},
		"old windows, as is":    {strict(t), windowed, settings(token.Settings{Windows: []token.Window{windowOf("week", 1)}, UnlimitedQuota: new(true)}), ""},
		"old windows, more":     {strict(t), windowed, settings(token.Settings{Windows: []token.Window{windowOf("week", 2)}}), "max_windows"},
		"past expiry":           {strict(t), old, settings(token.Settings{ExpiredTime: new(int64(1))}), ""},
		"old, models only":      {strict(t), old, settings(token.Settings{Models: []string{"gpt-5"}}), "model_limits_enabled: the operator"},
		"old, limits on":        {strict(t), old, settings(token.Settings{ModelLimitsEnabled: new(true), Models: []string{"gpt-5"}}), ""},
		"old, limited":          {strict(t), old, settings(token.Settings{UnlimitedQuota: new(false)}), ""},
		"limited, unlimited":    {strict(t), token.Token{}, settings(token.Settings{UnlimitedQuota: new(true)}), "require_limit"},
		"limits off":            {strict(t), kept, settings(token.Settings{ModelLimitsEnabled: new(false)}), "model_limits_enabled: the operator"},
		"other models":          {strict(t), kept, settings(token.Settings{Models: []string{"gpt-5", "o3"}}), `without "o3"`},
		"no windows":            {strict(t), kept, settings(token.Settings{Windows: []token.Window{}}), "max_windows"},
		"unlimited, windows":    {strict(t), kept, settings(token.Settings{UnlimitedQuota: new(true)}), ""},
		"both at once":          {limited, windowed, settings(token.Settings{UnlimitedQuota: new(true), Windows: []token.Window{}}), "require_limit"},
		"last window":           {limited, windowed, settings(token.Settings{Windows: []token.Window{}}), "require_limit"},
		"limited, no windows":   {limited, windowed, settings(token.Settings{UnlimitedQuota: new(false), Windows: []token.Window{}}), ""},
		"raise of window":       {strict(t), kept, raise(51, &token.WindowName{Length: "day"}), "units: the operator's policy for this user is max_windows day=100; send at most 50 units"},
		"raise up to the max":   {strict(t), kept, raise(50, &token.WindowName{Length: "day"}), ""},
		"raise, other window":   {strict(t), kept, raise(1_000, &token.WindowName{Length: "5h"}), ""},
		"raise, lifetime quota": {strict(t), kept, raise(1_000, nil), ""},
		"old, end of raise":     {strict(t), windowed, raise(0, &token.WindowName{Length: "week"}), ""},
		"old, raise":            {strict(t), token.Token{Windows: []token.Window{windowOf("week", 1)}}, raise(5, &token.WindowName{Length: "week"}), "can't be raised"},
	} {
		t.Run(name, func(t *testing.T) {
			for i := range row.token.Windows {
				row.token.Windows[i].Period, _ = row.token.Windows[i].Normalize()
			}
			row.change.Now = policyNow
			row.change.Settings, err = row.change.Normalize()
			if err != nil {
				t.Fatal(err)
			}
			if err := row.change.CheckPolicy(row.token); err != nil {
				t.Errorf("without a policy: %v", err)
			}
			row.change.Policy = &row.policy
			err := row.change.CheckPolicy(row.token)
			wantRefusal(t, err, row.refused)
			if err != nil && !row.change.NeedsPolicy() {
				t.Error("NeedsPolicy is false")
			}
		})
	}
}

// A window that is raised counts with its raise, until that has ended.
func TestPolicyCountsRaises(t *testing.T) {
	p := token.Policy{MaxWindows: []token.Window{windowOf("2h", 100)}}
	w := windowOf("2h", 60)
	w.Raise = token.Raise{Units: 40, Until: policyNow + 1}
	for _, row := range []struct {
		quota, now int64
		refused    string
	}{{60, policyNow, ""}, {61, policyNow, "max_windows 2h=100"}, {100, policyNow + 1, ""}} {
		c := token.Change{Settings: token.Settings{Windows: []token.Window{windowOf("2h", row.quota)}}, Now: row.now, Policy: &p}
		wantRefusal(t, c.CheckPolicy(token.Token{Windows: []token.Window{w}}), row.refused)
	}
}

// Invalid policies are refused, with what to do.
func TestPolicyNormalize(t *testing.T) {
	for name, row := range map[string]struct {
		policy token.Policy
		reason string
	}{
		"zero":              {token.Policy{}, ""},
		"strict":            {strict(t), ""},
		"short lifetime":    {token.Policy{MaxLifetimeSeconds: 59}, "max lifetime must be from one minute"},
		"negative lifetime": {token.Policy{MaxLifetimeSeconds: -1}, "max lifetime must be"},
		"long lifetime":     {token.Policy{MaxLifetimeSeconds: token.MaxLifetimeSeconds + 1}, "max lifetime must be"},
		"window":            {token.Policy{MaxWindows: []token.Window{windowOf("year", 1)}}, "max window is not valid: windows[0].period must"},
		"default above max": {token.Policy{DefaultWindows: []token.Window{windowOf("day", 2)}, MaxWindows: []token.Window{{Period: period.Period{Length: "week", Timezone: "Asia/Tokyo", Anchor: period.Anchor{Hour: 6, Weekday: 7}}, Quota: 1}}}, "add week=1,timezone=Asia/Tokyo,hour=6,weekday=sunday"},
		"default in units":  {token.Policy{DefaultWindows: []token.Window{windowOf("24h", 2)}, MaxWindows: []token.Window{windowOf("1d", 2)}}, ""},
		"models":            {token.Policy{AllowedModels: []string{"a*b"}}, `models may have "*" only once`},
		"rate":              {token.Policy{DefaultRates: token.Rates{MaxConcurrent: 51}}, "max_concurrent must be between"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := row.policy.Normalize()
			var invalid *token.InvalidError
			if row.reason == "" && err != nil || row.reason != "" && (!errors.As(err, &invalid) || !strings.Contains(err.Error(), row.reason)) {
				t.Errorf("got %v, want %q", err, row.reason)
			}
		})
	}
}

// Times are written in the largest unit without a fraction.
func TestFormatSeconds(t *testing.T) {
	for n, want := range map[int64]string{86_400: "1d", 2_592_000: "30d", 90_000: "25h", 5_400: "90m", 61: "61s"} {
		if got := token.FormatSeconds(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}

// A pattern that the policy covers matches only models that the policy allows.
func TestAllowedPatternsAreNarrower(t *testing.T) {
	entries := rapid.SampledFrom([]string{"a", "a*", "ab", "ab*", "abc", "b", "b*", "*", "abc*"})
	names := rapid.StringOfN(rapid.RuneFrom([]rune("abc")), 0, 4, -1)
	rapid.Check(t, func(rt *rapid.T) {
		p := token.Policy{AllowedModels: rapid.SliceOfN(entries, 1, 3).Draw(rt, "allowed")}
		tok, err := p.NewToken(token.Settings{Name: new("app"), Models: rapid.SliceOfN(entries, 1, 3).Draw(rt, "models")}, 1, policyNow)
		if err != nil {
			return
		}
		name := names.Draw(rt, "name")
		if allowed := (token.Token{ModelLimitsEnabled: true, Models: p.AllowedModels}); tok.AllowsModel(name) && !allowed.AllowsModel(name) {
			rt.Fatalf("models %q allow %q, which %q do not", tok.Models, name, p.AllowedModels)
		}
	})
}
