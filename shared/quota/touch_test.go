package quota_test

import (
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/quota"
)

// Of an address the network is kept: /24 of IPv4, /48 of IPv6.
func TestUseNetwork(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]string{
		"203.0.113.7":         "203.0.113.0/24",
		"203.0.113.7:443":     "203.0.113.0/24",
		"::ffff:203.0.113.7":  "203.0.113.0/24",
		"2001:db8:1:2::3":     "2001:db8:1::/48",
		"[2001:db8:1:2::3]:9": "2001:db8:1::/48",
		"fe80::1%eth0":        "fe80::/48",
		"::":                  "", // the gateway's address of a client that it does not know
		"0.0.0.0":             "",
		"@":                   "",
		"":                    "",
	} {
		if got := (quota.Origin{IP: quota.AddrOf(addr)}).Use(1).Network; got != want {
			t.Errorf("%q: got %q, want %q", addr, got, want)
		}
	}
}

// Of a user agent the program's name is kept.
func TestUseProgram(t *testing.T) {
	t.Parallel()
	for agent, want := range map[string]string{
		"":                                   "",
		"curl/8.5.0":                         "curl",
		"OpenAI/Python 1.52.0":               "OpenAI/Python",
		"AsyncOpenAI/JS 4.2.0":               "AsyncOpenAI/JS",
		"python-requests/2.31.0":             "python-requests",
		"Go-http-client/2.0":                 "Go-http-client",
		"claude-cli/1.0.31 (external, cli)":  "claude-cli",
		"google-genai-sdk/1.2.0 gl-python/3": "google-genai-sdk",
		"okhttp/v4.9":                        "okhttp",
		"a/b/c":                              "a/b",
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36":                  "Chrome",
		"Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36 Edg/126.0":          "Edg",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15": "Safari",
		"Mozilla/5.0 (X11; Ubuntu; rv:127.0) Gecko/20100101 Firefox/127.0":                                                   "Firefox",
		"Mozilla/5.0 (Macintosh) AppleWebKit/537.36 (KHTML, like Gecko) Chatbox/1.2 Chrome/120 Electron/28 Safari/537.36":    "Chatbox",
		"Mozilla/5.0 (compatible; Bot/2.1)": "Mozilla",
		"Mozilla/5.0 sk-proj-0123456789":    "",
		"sk-proj-0123456789abcdef/1":        "",
		"app\x00\u202eevil":                 "app",
		"<b>":                               "",
		strings.Repeat("x", 50):             strings.Repeat("x", 40),
		"0123456789abcdef0123":              "", // it could be a key of another system
		"a0123456789/bcdef0123":             "",
	} {
		if got := (quota.Origin{UserAgent: agent}).Use(1).UserAgent; got != want {
			t.Errorf("%q: got %q, want %q", agent, got, want)
		}
	}
}

// Whatever a client calls itself, what is kept is short, visible and no credential.
func TestUseProgramOfAnyText(t *testing.T) {
	t.Parallel()
	secrets := []string{credential.NewKey(1, 2).Reveal(), credential.NewAccessToken(1, 0).Reveal(), credential.NewKey(3, 4).Reveal()[3:], "sk-proj-abcdefgh0123456789", "01J9ZQX7R8K2M4N6P8T0V2W4Y6"}
	piece := rapid.OneOf(rapid.SampledFrom(append(secrets, "Mozilla", "/", " ", "(", ")", "curl", "1.2", "Safari")), rapid.String())
	rapid.Check(t, func(rt *rapid.T) {
		agent := strings.Join(rapid.SliceOfN(piece, 0, 8).Draw(rt, "pieces"), "")
		got := (quota.Origin{IP: netip.Addr{}, UserAgent: agent}).Use(1).UserAgent
		if len(got) > quota.MaxUserAgentLength || strings.ContainsFunc(got, func(r rune) bool { return r <= ' ' || r > '~' }) {
			rt.Errorf("%q: got %q, want up to %d visible characters", agent, got, quota.MaxUserAgentLength)
		}
		for _, secret := range secrets {
			if n := min(len(secret), 12); strings.Contains(got, secret[len(secret)-n:]) {
				rt.Errorf("%q: got %q, which has the end of a secret", agent, got)
			}
		}
	})
}

// A refusal is named with its scope, without the text of a tenant.
func TestReasonName(t *testing.T) {
	t.Parallel()
	for want, r := range map[string]quota.Reason{
		"disabled":                   {Refusal: quota.RefusedDisabled},
		"quota_exhausted:window:day": {Refusal: quota.RefusedExhausted, Scope: quota.ScopeWindow + "day"},
		"quota_exhausted:model":      {Refusal: quota.RefusedExhausted, Scope: quota.ScopeModel + credential.NewKey(1, 2).Reveal()},
	} {
		if got := r.Name(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
