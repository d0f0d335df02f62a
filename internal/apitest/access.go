package apitest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

const (
	badAccessToken = "The access token is not valid. Check that it is complete, or ask the operator for a new one."
	nothingSent    = "No access token. Send the header Authorization: Bearer, followed by your access token."
	keyNotAccess   = "This is an sk- key, which can't manage tokens. Send an access token, which begins with at-."
	nothingHere    = "Path not found. Tokens are at /api/token/ and /api/token/{id}."
	badID          = "id must be an integer between 1 and 9007199254740991."
)

func authentication(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	key := u.make(t, `{"name":"a"}`).Key
	other := credential.NewAccessToken(u.ID, 0).Reveal()               // right user, wrong secret
	emptySlot := credential.NewAccessToken(u.ID, 3).Reveal()           // right user, slot never used
	noSlot := credential.NewAccessToken(u.ID, 200).Reveal()            // right user, no such slot
	nobody := credential.NewAccessToken(1<<39, 0).Reveal()             // no such user
	typo := u.AccessToken[:len(u.AccessToken)-1] + flip(u.AccessToken) // wrong checksum
	rotated := target.User(t, token.RoleUser)
	if _, err := target.Users.RotateAccessToken(t.Context(), rotated.Name, true, 0); err != nil {
		t.Fatal(err)
	}
	past := &token.UserService{Store: target.Users.Store, Now: func() time.Time { return time.Now().Add(-time.Hour) }}
	_, expired, err := past.Create(t.Context(), "expired-"+rand8(), token.RoleUser, time.Minute)
	if err != nil {
		t.Fatal(err)
	}

	for _, header := range []string{"Bearer " + u.AccessToken, "bearer " + u.AccessToken, "BEARER  " + u.AccessToken, "Bearer\t" + u.AccessToken, u.AccessToken} {
		if got := target.Do(t, http.MethodGet, "/api/token/", "", "Authorization", header, "New-Api-User", "77"); got.Status != http.StatusOK {
			t.Errorf("%.6s…: got %d %s, want 200", header, got.Status, got.Body)
		}
	}
	for name, row := range map[string]struct{ header, message string }{
		"missing":       {"", nothingSent},
		"scheme alone":  {"Bearer", nothingSent},
		"sk- key":       {"Bearer " + key, keyNotAccess},
		"raw sk- key":   {key, keyNotAccess},
		"unknown user":  {"Bearer " + nobody, badAccessToken},
		"unknown slot":  {"Bearer " + emptySlot, badAccessToken},
		"no such slot":  {"Bearer " + noSlot, badAccessToken},
		"wrong secret":  {"Bearer " + other, badAccessToken},
		"revoked":       {"Bearer " + rotated.AccessToken, badAccessToken},
		"expired":       {"Bearer " + expired.Reveal(), badAccessToken},
		"typo":          {"Bearer " + typo, badAccessToken},
		"other scheme":  {"Basic dXNlcjpwYXNz", badAccessToken},
		"truncated":     {"Bearer " + u.AccessToken[:20], badAccessToken},
		"garbage":       {"Bearer \u00e9\u00e9", badAccessToken},
		"two in a line": {"Bearer " + u.AccessToken + "," + u.AccessToken, badAccessToken},
	} {
		t.Run("401/"+name, func(t *testing.T) {
			for _, request := range []struct{ method, path, body string }{
				{http.MethodGet, "/api/token/", ""},
				{http.MethodGet, "/api/token/?p=-1", ""}, // authentication errors take precedence over validation errors
				{http.MethodPost, "/api/token/", `{"name":"x"}`},
				{http.MethodPost, "/api/token/", `{"name":1}`},
				{http.MethodPost, "/api/token/", `{"name":"` + strings.Repeat("n", 51) + `"}`},
				{http.MethodPut, "/api/token/", `{"id":1}`},
				{http.MethodGet, "/api/token/1", ""},
				{http.MethodGet, "/api/token/x", ""},
				{http.MethodDelete, "/api/token/1", ""},
			} {
				got := target.Do(t, request.method, request.path, request.body, "Authorization", row.header)
				wantFailure(t, got, 401, "unauthorized", row.message)
				if challenge := got.Header.Get("WWW-Authenticate"); challenge != "Bearer" {
					t.Errorf("WWW-Authenticate is %q, want Bearer", challenge)
				}
			}
		})
	}
	t.Run("403/guest", func(t *testing.T) {
		guest := target.User(t, token.RoleGuest)
		wantFailure(t, guest.Do(t, http.MethodGet, "/api/token/", ""), 403, "forbidden", "This user may not manage tokens. Ask the operator for the role \"user\".")
		wantFailure(t, guest.Do(t, http.MethodPost, "/api/token/", `{"name":"x"}`), 403, "forbidden", "This user may not manage tokens. Ask the operator for the role \"user\".")
	})
	t.Run("403/disabled", func(t *testing.T) {
		disabled := target.User(t, token.RoleUser)
		setDisabled(t, target, disabled, true)
		wantFailure(t, disabled.Do(t, http.MethodGet, "/api/token/1", ""), 403, "user_disabled", "This user is disabled. Ask the operator to enable it.")
		setDisabled(t, target, disabled, false)
		wantFailure(t, disabled.Do(t, http.MethodGet, "/api/token/1", ""), 404, "token_not_found", noSuchToken)
	})
	t.Run("403/keys_stopped", func(t *testing.T) { stoppedKeys(t, target) })
}

func setDisabled(t *testing.T, target *Target, u *User, disabled bool) {
	t.Helper()
	var err error
	if disabled {
		_, err = target.Users.Disable(t.Context(), u.Name, false, nil)
	} else {
		_, err = target.Users.Enable(t.Context(), u.Name, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// flip returns a character other than the last one of s.
func flip(s string) string {
	if strings.HasSuffix(s, "a") {
		return "b"
	}
	return "a"
}

func paths(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	u.make(t, `{"name":"a"}`)
	for _, path := range []string{"/api/token", "/api/token/", "/api/token/1", "/api/token/1/", "/api/token/%31"} {
		if got := u.Do(t, http.MethodGet, path, ""); got.Status != http.StatusOK {
			t.Errorf("GET %s: got %d %s, want 200", path, got.Status, got.Body)
		}
	}
	for _, path := range []string{"/api/token", "/api/token/"} {
		wantData[wire.Token](t, u.Do(t, http.MethodPost, path, `{"name":"b"}`), http.StatusCreated)
		wantData[wire.Token](t, u.Do(t, http.MethodPut, path, `{"id":1,"name":"c"}`), http.StatusOK)
	}
	wantData[any](t, u.Do(t, http.MethodDelete, "/api/token/2", ""), http.StatusOK)
	wantData[any](t, u.Do(t, http.MethodDelete, "/api/token/3/", ""), http.StatusOK)

	for _, path := range []string{"/api", "/api/", "/api/tokens", "/api/token/1/2", "/api/token//", "/api//token", "//api/token", "/API/token", "/api/token/1//", "/.", "/api/token/../token"} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
			t.Run("404/"+method+path, func(t *testing.T) {
				wantFailure(t, u.Do(t, method, path, "{}"), 404, "route_not_found", nothingHere)
			})
		}
	}
	for _, row := range []struct{ method, path, allow string }{
		{http.MethodDelete, "/api/token", "GET, HEAD, POST, PUT"},
		{http.MethodDelete, "/api/token/", "GET, HEAD, POST, PUT"},
		{http.MethodPatch, "/api/token/", "GET, HEAD, POST, PUT"},
		{http.MethodOptions, "/api/token/", "GET, HEAD, POST, PUT"},
		{"BREW", "/api/token/", "GET, HEAD, POST, PUT"},
		{http.MethodPut, "/api/token/1", "DELETE, GET, HEAD"},
		{http.MethodPost, "/api/token/1", "DELETE, GET, HEAD"},
		{http.MethodPatch, "/api/token/1/", "DELETE, GET, HEAD"},
		{http.MethodPost, "/", "GET, HEAD"},
		{http.MethodDelete, "/api/openapi.json", "GET, HEAD"},
	} {
		t.Run("405/"+row.method+row.path, func(t *testing.T) {
			got := u.Do(t, row.method, row.path, "{}")
			wantFailure(t, got, 405, "method_not_allowed", fmt.Sprintf("Method not allowed for this path. Use one of %s.", row.allow))
			if got.Header.Get("Allow") != row.allow {
				t.Errorf("Allow is %q, want %q", got.Header.Get("Allow"), row.allow)
			}
		})
	}
	for _, id := range []string{"0", "-1", "1.5", "abc", "%25", "%20", "1e3", "+1", "9007199254740992", "99999999999999999999", "%3Fp=1", "%00", "%EF%BC%91"} {
		t.Run("400/id "+id, func(t *testing.T) {
			wantFailure(t, u.Do(t, http.MethodGet, "/api/token/"+id, ""), 400, "invalid_parameter", badID)
			wantFailure(t, u.Do(t, http.MethodDelete, "/api/token/"+id, ""), 400, "invalid_parameter", badID)
		})
	}
}

// HEAD is answered wherever GET is: with the same status and headers, and without
// a body.
func head(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	made := u.make(t, `{"name":"app"}`)
	for _, path := range []string{
		"/api/token", "/api/token/", "/api/token/1", "/api/token/99", "/api/token/search?keyword=a", "/api/token/?p=-1", "/api/status", "/api/user/self/", "/api/user/models",
	} {
		get, got := u.Do(t, http.MethodGet, path, ""), u.Do(t, http.MethodHead, path, "")
		if got.Status != get.Status || got.Body != "" {
			t.Errorf("HEAD %s: got %d and %d bytes, want %d and no body", path, got.Status, len(got.Body), get.Status)
		}
		for _, name := range []string{"Content-Type", "Content-Length", "Cache-Control", "ETag"} {
			if got.Header.Get(name) != get.Header.Get(name) {
				t.Errorf("HEAD %s: %s is %q, and for GET %q", path, name, got.Header.Get(name), get.Header.Get(name))
			}
		}
	}
	for _, row := range []struct {
		path, authorization string
		status              int
	}{{"/api/usage/token/", made.Key, http.StatusOK}, {"/api/token/", "at-no", http.StatusUnauthorized}, {"/api/token/verify", made.Key, http.StatusMethodNotAllowed}, {"/nothing", made.Key, http.StatusNotFound}} {
		if got := target.Do(t, http.MethodHead, row.path, "", "Authorization", "Bearer "+row.authorization); got.Status != row.status || got.Body != "" {
			t.Errorf("HEAD %s: got %d %q, want %d and no body", row.path, got.Status, got.Body, row.status)
		}
	}
}
