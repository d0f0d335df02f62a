package client_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/internal/apitest"
	"github.com/latchkey-api/latchkey/shared/client"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// White space around an access token or a key is ignored: the content of a
// file will do.
func TestWhiteSpaceAroundCredentials(t *testing.T) {
	target, _ := apitest.Serve(t)
	at, ctx := target.User(t, token.RoleUser).AccessToken, t.Context()
	for _, around := range [][2]string{{"", "\n"}, {"", "\r\n"}, {" \t", " "}, {"\u00a0", ""}} {
		c := client.New(target.URL, around[0]+at+around[1])
		created, err := c.Create(ctx, wire.TokenInput{Name: new("app"), UnlimitedQuota: new(true)})
		if err != nil {
			t.Fatalf("an access token between %q: %v", around, err)
		}
		if v, err := c.Verify(ctx, around[0]+created.Key+around[1], wire.VerifyInput{}); err != nil || !v.Valid {
			t.Errorf("a key between %q: got valid %t, %v", around, v.Valid, err)
		}
	}
}

// A credential that no header can carry is not sent, and the error says so
// without showing it.
func TestMalformedCredentials(t *testing.T) {
	sent := 0
	transport := &http.Client{Transport: roundTripper(func(r *http.Request, _ func() (*http.Response, error)) (*http.Response, error) {
		sent++
		return response(r, http.StatusOK, "", success), nil
	})}
	for _, bad := range []string{"at-first\nat-second", "at-a\x00b", "at-a b", "at-\u200bhidden", "\ufeffat-x", "at-a\x7f"} {
		c := client.New("http://api", bad, client.WithHTTPClient(transport))
		v, err := c.Verify(t.Context(), bad, wire.VerifyInput{})
		if err != nil || v.Valid || v.Code != wire.RefusedUnknown {
			t.Errorf("verify with %q: got %+v, %v, want the refusal %s", bad, v, err, wire.RefusedUnknown)
		}
		r, err := c.Reserve(t.Context(), bad, wire.ReserveInput{})
		if err != nil || r.Valid || r.Code != wire.RefusedUnknown {
			t.Errorf("reserve with %q: got %+v, %v, want the refusal %s", bad, r, err, wire.RefusedUnknown)
		}
		_, settle := c.Settle(t.Context(), bad, "r", 1)
		_, list := c.List(t.Context(), client.ListOptions{})
		for call, err := range map[string]error{"settle": settle, "list": list} {
			if !errors.Is(err, wire.ErrUnauthorized) || !strings.Contains(err.Error(), "copy it again") || strings.Contains(err.Error(), bad) {
				t.Errorf("%s with %q: got error %v, want one that says to copy it again", call, bad, err)
			}
		}
	}
	if sent != 0 {
		t.Errorf("%d requests were sent, want none", sent)
	}
}
